import { isMap, isScalar, LineCounter, parseAllDocuments, Scalar, visit } from 'yaml';
import type { Document, ParsedNode } from 'yaml';
import { AppError } from '../lib/errors.ts';
import { toFieldPath } from './fields.ts';
import { toKubernetesTags } from './yaml.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_ALIASES = 100;
const MAX_DEPTH = 100;

export interface YamlDocument {
  value: unknown;
  /** Where the document begins, counted from 1. */
  line: number;
}

/**
 * Reads a stream of YAML documents as Kubernetes would. Throws `invalid_input`, naming source and line, for what cannot be
 * read, and for what reads differently than it looks: duplicate keys, alias bombs, unknown tags, `__proto__`.
 */
export function readYaml(text: string, source: string): YamlDocument[] {
  const lineCounter = new LineCounter();
  return readDocuments(text, source, lineCounter).map((document) => {
    const line = toFirstLine(document, lineCounter);
    return { value: toPlain(document, source, line), line };
  });
}

/** A bare word that means one thing to a reader and another to Kubernetes. */
export interface AmbiguousWord {
  line: number;
  /** Dotted path of the value. */
  path: string;
  text: string;
  /** What Kubernetes takes it for. */
  meaning: string;
}

/** Bare `yes`, `on`, 0123 and the like in the documents that are manifests; throws as `readYaml` does. */
export function listAmbiguousWords(text: string, source: string): AmbiguousWord[] {
  const lineCounter = new LineCounter();
  const found: AmbiguousWord[] = [];
  for (const document of readDocuments(text, source, lineCounter)) {
    toPlain(document, source, toFirstLine(document, lineCounter));
    // Other files, such as CI workflows with their `on:`, are read by other programs in other ways.
    if (!isMap(document.contents) || !document.has('apiVersion') || !document.has('kind')) continue;
    visit(document, {
      Scalar: (key, node, ancestors) => {
        if (node.type !== Scalar.PLAIN || typeof node.source !== 'string' || key === 'key') return;
        if (!/^(?:y|n|yes|no|on|off)$|^[-+]?0\d+$|^[-+]?\d+_[\d_]*$/i.test(node.source)) return;
        if (typeof node.value === 'string') return;
        const line = lineCounter.linePos(node.range?.[0] ?? 0).line;
        found.push({ line, path: toPath(ancestors), text: node.source, meaning: String(node.value) });
      },
    });
  }
  return found;
}

function toPath(ancestors: readonly unknown[]): string {
  let path = '';
  for (const ancestor of ancestors)
    if (typeof ancestor === 'object' && ancestor !== null && 'key' in ancestor && isScalar(ancestor.key))
      path = toFieldPath(path, String(ancestor.key.value));
  return path;
}

function readDocuments(text: string, source: string, lineCounter: LineCounter): Document.Parsed[] {
  if (Buffer.byteLength(text) > MAX_BYTES) refuseYaml(source, 1, `larger than ${MAX_BYTES} bytes`);
  let documents: Document.Parsed[];
  try {
    const parsed = parseAllDocuments(text.replace(/^\uFEFF/, ''), {
      version: '1.1',
      lineCounter,
      prettyErrors: false,
      customTags: toKubernetesTags,
    });
    documents = Array.isArray(parsed) ? parsed : [];
  } catch (error) {
    // The parser recurses, so thousands of nested brackets end in a stack overflow rather than in a finding of its own.
    throw new AppError('invalid_input', `${source}: cannot be read as YAML (nested too deeply)`, { cause: error });
  }
  for (const document of documents) {
    const { explicit, version } = document.directives.yaml;
    if (explicit === true && version !== '1.1')
      refuseYaml(source, 1, `a %YAML ${version} directive, which Kubernetes refuses`);
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem === undefined) continue;
    const line = lineCounter.linePos(problem.pos[0]).line;
    const what =
      problem.code === 'DUPLICATE_KEY' ? 'the same key stands twice in one mapping' : toSentence(problem.message);
    refuseYaml(source, line, what, problem);
  }
  return documents;
}

function toSentence(message: string): string {
  return message.includes('call stack') ? 'nested too deeply' : message;
}

function toFirstLine(document: Document.Parsed, lineCounter: LineCounter): number {
  const contents: ParsedNode | null = document.contents;
  return lineCounter.linePos(contents?.range[0] ?? document.range[0]).line || 1;
}

function toPlain(document: Document.Parsed, source: string, line: number): unknown {
  let aliases = 0;
  try {
    visit(document, {
      Alias: () => {
        aliases += 1;
      },
      Pair: (_key, pair) => {
        if (!isScalar(pair.key)) refuseYaml(source, line, 'a key that is not a plain name');
        if (pair.key.value === '__proto__') refuseYaml(source, line, 'a key named __proto__');
      },
    });
    if (aliases > MAX_ALIASES) refuseYaml(source, line, `more than ${MAX_ALIASES} aliases`);
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (isDeeperThan(value, MAX_DEPTH))
      refuseYaml(source, line, 'nested too deeply, or an alias inside its own anchor');
    return value;
  } catch (error) {
    if (error instanceof AppError) throw error;
    const message = error instanceof Error ? error.message : '';
    // A reference that leads nowhere is an error of its own name, and so is running out of stack.
    const isAlias = error instanceof ReferenceError || error instanceof RangeError;
    const what = isAlias ? 'its aliases lead nowhere or expand too far, or it is nested too deeply' : message;
    return refuseYaml(source, line, what, error);
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return false;
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1));
}

/** Refuses a document, saying where it stands. */
export function refuseYaml(source: string, line: number, what: string, cause?: unknown): never {
  throw new AppError('invalid_input', `${source}:${line}: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Correct the manifest, or the construct that renders it.',
    details: { source, line },
  });
}
