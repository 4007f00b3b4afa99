import { Document, Scalar, visit } from 'yaml';
import type { ScalarTag, Tags } from 'yaml';

// Kubernetes reads YAML 1.1 (`on` is true, 0123 is 83), but its parser knows neither base-60 numbers nor implicit
// timestamps: 12:30:45 and 2026-01-01 stay strings there, so they do here. The collection and binary tags never occur in
// manifests; left out, they are refused like any unknown tag.
const FOREIGN_TAG = /:(timestamp|binary|set|omap|pairs)$/;

// Its numbers come from Go's ParseInt, which takes the octal notation of YAML 1.2 as well.
const GO_OCTAL: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0[oO][0-7_]+$/,
  resolve: (text) => {
    const digits = Number.parseInt(text.replace(/^[-+]?0[oO]|_/g, ''), 8);
    return text.startsWith('-') ? -digits : digits;
  },
};

/** The tags by which Kubernetes reads YAML, made from those of YAML 1.1. */
export function toKubernetesTags(tags: Tags): Tags {
  const known = tags.filter((tag) => typeof tag === 'string' || (tag.format !== 'TIME' && !FOREIGN_TAG.test(tag.tag)));
  return [...known, GO_OCTAL];
}

// Line breaks and control characters of YAML 1.1 that YAML 1.2 writers leave bare; a terminal obeys some of them, too.
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * Writes an object as YAML that Kubernetes reads back as the same object: keys in the order given, no anchors, no folding.
 * Strings that YAML 1.1 would take for booleans or numbers (`on`, `1e3`, `12:30:45`) are quoted.
 */
export function toYaml(object: unknown): string {
  const document = new Document(object, {
    version: '1.1',
    aliasDuplicateObjects: false,
    // Without the merge tag, whose own writer leaves the key bare whatever the style asked for.
    customTags: (tags) => [...tags.filter((tag) => typeof tag === 'string' || !tag.tag.endsWith(':merge')), GO_OCTAL],
  });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value !== 'string') return;
      if (node.value === '<<' || node.value.search(UNPRINTABLE) >= 0) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  // Whatever held such a character stands in double quotes now, where an escape means the same.
  return document
    .toString({ lineWidth: 0 })
    .replace(UNPRINTABLE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
