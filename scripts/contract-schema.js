// Prints the published contract as one JSON Schema, which generators of types for other languages read:
//   node scripts/contract-schema.js http://127.0.0.1:3000 > tiphys.schema.json
//   npx quicktype --src-lang schema --lang python -o tiphys.py tiphys.schema.json
const [base = 'http://127.0.0.1:3000'] = process.argv.slice(2);
const response = await fetch(new URL('/api/openapi.json', base));
if (!response.ok) throw new Error(`${base} answered ${response.status}`);
const { info, components } = await response.json();
const names = Object.keys(components.schemas);
const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: info.title,
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${name}` }])),
  definitions: components.schemas,
};
process.stdout.write(`${JSON.stringify(schema).replaceAll('#/components/schemas/', '#/definitions/')}\n`);
