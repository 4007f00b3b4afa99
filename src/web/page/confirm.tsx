import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from './text.tsx';

export interface Asked {
  title: string;
  body: ComponentChildren;
  /** What the button says. */
  verb: string;
  isDanger?: boolean;
  /** With a text field of this label; its words are handed to `run`. */
  field?: { label: string; isNeeded: boolean };
  run(words: string): Promise<unknown>;
}

/** Asks once more before something is done; Escape and "Back" do nothing. */
export function Confirm({ asked, close }: { asked: Asked; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [words, setWords] = useState('');
  const [error, setError] = useState<unknown>();
  const [isSending, setIsSending] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const send = async () => {
    setIsSending(true);
    try {
      await asked.run(words.trim());
      close();
    } catch (refusal) {
      setError(refusal);
      setIsSending(false);
    }
  };
  const isReady = asked.field === undefined || !asked.field.isNeeded || words.trim() !== '';
  return (
    <dialog ref={dialog} onClose={close} aria-label={asked.title}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <h2>{asked.title}</h2>
        {asked.body}
        {asked.field === undefined ? null : (
          <label>
            {asked.field.label}
            <textarea value={words} onInput={(event) => setWords(event.currentTarget.value)} />
          </label>
        )}
        {error === undefined ? null : <Problem error={error} />}
        <p class="row">
          <button class={asked.isDanger === true ? 'danger' : 'primary'} disabled={isSending || !isReady}>
            {asked.verb}
          </button>
          <button type="button" onClick={close}>
            Back
          </button>
        </p>
      </form>
    </dialog>
  );
}
