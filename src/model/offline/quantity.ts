import { findNumber } from './lexicon.ts';

/** An amount of processor time or memory: the Kubernetes text, and its size in cores or bytes for comparing. */
export interface Amount {
  text: string;
  size: number;
  /** What was written, where the text is a reading of it. */
  readFrom?: string;
}

const BINARY = { ki: 1024, mi: 1024 ** 2, gi: 1024 ** 3, ti: 1024 ** 4 } as const;
const MEMORY_UNITS: Readonly<Record<string, keyof typeof BINARY>> = {
  k: 'ki',
  kb: 'ki',
  kib: 'ki',
  ki: 'ki',
  m: 'mi',
  mb: 'mi',
  mib: 'mi',
  mi: 'mi',
  meg: 'mi',
  megs: 'mi',
  megabyte: 'mi',
  megabytes: 'mi',
  mebibytes: 'mi',
  g: 'gi',
  gb: 'gi',
  gib: 'gi',
  gi: 'gi',
  gig: 'gi',
  gigs: 'gi',
  gigabyte: 'gi',
  gigabytes: 'gi',
  gibibytes: 'gi',
  t: 'ti',
  tb: 'ti',
  tib: 'ti',
  ti: 'ti',
  terabyte: 'ti',
  terabytes: 'ti',
};
const CORE_UNITS = /^(?:cores?|v?cpus?|processors?)$/u;
const MILLI_UNITS = /^(?:m|millicores?|millicpus?|mcpu|milli)$/u;
const SHOWN = { ki: 'Ki', mi: 'Mi', gi: 'Gi', ti: 'Ti' } as const;

/** "512Mi", "2GB" or a number and a unit apart, as memory or disk. Kubernetes' own spelling is kept as it is. */
export function findMemory(number: string, unit: string): Amount | undefined {
  const key = Object.hasOwn(MEMORY_UNITS, unit.toLowerCase()) ? MEMORY_UNITS[unit.toLowerCase()] : undefined;
  const value = toNumeric(number);
  if (key === undefined || value === undefined || value <= 0 || value > 1e6) return undefined;
  const size = value * BINARY[key];
  const exact = /^[KMGT]i$/u.test(unit) && /^\d/u.test(number);
  if (exact) return { text: `${number}${unit}`, size };
  return { text: toMemoryText(size), size, readFrom: `${number} ${unit}` };
}

/** "250m", "0.5 cpu", "two cores" as processor time. */
export function findCpu(number: string, unit: string): Amount | undefined {
  const value = toNumeric(number);
  if (value === undefined || value <= 0 || value > 1e6) return undefined;
  if (MILLI_UNITS.test(unit.toLowerCase())) return { text: `${number}m`, size: value / 1000 };
  if (unit !== '' && !CORE_UNITS.test(unit.toLowerCase())) return undefined;
  return { text: toCpuText(value), size: value };
}

function toNumeric(text: string): number | undefined {
  if (/^\d{1,7}(?:\.\d{1,3})?$/u.test(text)) return Number(text);
  if (text === 'half') return 0.5;
  if (text === 'quarter') return 0.25;
  if (text === 'a' || text === 'an') return 1;
  return findNumber(text);
}

export function toMemoryText(bytes: number): string {
  for (const unit of ['ti', 'gi', 'mi'] as const)
    if (bytes >= BINARY[unit] && Number.isInteger(bytes / BINARY[unit])) return `${bytes / BINARY[unit]}${SHOWN[unit]}`;
  if (bytes >= BINARY.mi) return `${Math.round(bytes / BINARY.mi)}Mi`;
  return `${Math.max(1, Math.round(bytes / BINARY.ki))}Ki`;
}

export function toCpuText(cores: number): string {
  return Number.isInteger(cores) ? String(cores) : `${Math.round(cores * 1000)}m`;
}

/** The size of a quantity as Kubernetes writes it, in cores or bytes; undefined when it is malformed. */
export function findQuantitySize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/u.exec(text);
  if (match === null) return undefined;
  const value = Number(match[1]);
  const scale: Record<string, number> = {
    m: 1e-3,
    k: 1e3,
    M: 1e6,
    G: 1e9,
    T: 1e12,
    Ki: BINARY.ki,
    Mi: BINARY.mi,
    Gi: BINARY.gi,
    Ti: BINARY.ti,
  };
  return value * (match[2] === undefined ? 1 : (scale[match[2]] ?? 1));
}
