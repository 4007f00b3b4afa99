import { z } from 'zod';

// For shapes that others own and leave parts out of, or send as null: Go's encoder does both.

export const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

export const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);

/** @param absent what counts where there is none */
export const countOr = (absent: number) =>
  z
    .number()
    .nullish()
    .transform((value) => value ?? absent);
