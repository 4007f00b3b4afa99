import type { ts } from 'ts-morph';
import type { Service } from '../project.ts';
import { guard } from '../source/assign.ts';
import { toWhere } from '../source/module.ts';
import type { SourceModule } from '../source/module.ts';
import { unsupported } from '../source/refusal.ts';
import { listConstructs } from '../tree.ts';
import type { ConstructNode } from '../tree.ts';
import type { EditContext } from './context.ts';

/** Prints a statement for its scope (`this`) and the indentation of the line it goes on. */
export type StatementPrinter = (scope: string, indent: string) => string;

/** Where new constructs of a service go: behind the last statement of the code that makes its objects. */
export interface Spot {
  module: SourceModule;
  /** The last statement of the block. */
  after: ts.Statement;
  /** The expression that stands for the chart there. */
  scope: string;
  indent: string;
  /** What the code around it is written with. */
  source: 'plus' | 'plain';
}

/** Adds a construct at the end of the chart's constructor, in the style of its neighbours. */
export function addConstruct(
  context: EditContext,
  service: Service,
  print: (module: SourceModule, source: Spot['source']) => StatementPrinter,
): void {
  const spot = findSpot(context, service);
  addStatements(context, spot, [print(spot.module, spot.source)(spot.scope, spot.indent)]);
}

export function addStatements({ editor }: EditContext, spot: Spot, statements: readonly string[]): void {
  editor.addAfter(
    spot.module,
    spot.after,
    statements.flatMap((text) => [
      '',
      ...text.split('\n').map((line) => (line.startsWith(spot.indent) ? line.slice(spot.indent.length) : line)),
    ]),
  );
}

/** Puts statements, whose later lines carry their indentation, in front of another one and the comments that belong to it. */
export function addBefore(
  { editor }: EditContext,
  module: SourceModule,
  statement: ts.Statement,
  statements: readonly string[],
): void {
  if (statements.length === 0) return;
  const start = statement.getStart(module.file);
  const comments = module.compiler.getLeadingCommentRanges(module.text, statement.getFullStart()) ?? [];
  const own = comments.find(({ pos, end }) => !/\n[ \t]*\r?\n/.test(module.text.slice(end, start)) && pos > 0);
  const indent = findIndent(module, statement);
  editor.insertAt(module, own?.pos ?? start, statements.map((text) => `${text}\n\n${indent}`).join(''));
}

/** `near` puts it into the class that makes that construct, which may be one the chart is built from. */
export function findSpot(context: EditContext, service: Service, near?: ConstructNode): Spot {
  const { project } = context;
  const constructs = listConstructs(project, service);
  const source = constructs.some((item) => item.source === 'plus') ? 'plus' : 'plain';
  if (service.declaration === undefined) {
    const { module, node } = service.call;
    const { compiler } = module;
    const { parent } = node;
    const last = constructs.filter((item) => item.module === module).at(-1);
    const statement = findTopStatement(module, last?.node ?? node);
    if (!compiler.isVariableDeclaration(parent) || !compiler.isIdentifier(parent.name) || statement === undefined)
      throw unsupported(
        `${toWhere(module, node)}: this chart cannot be added to`,
        'Give the service a chart class of its own.',
      );
    return { module, after: statement, scope: parent.name.text, indent: findIndent(module, statement), source };
  }
  const { module, node } =
    near === undefined || near.frame.owner === undefined
      ? service.declaration
      : { module: near.module, node: near.frame.owner };
  const { compiler } = module;
  const frame = near?.frame ?? constructs.find((item) => item.frame.owner === node)?.frame ?? service.frame;
  guard({ module, node: service.call.node, frame });
  const constructor = node.members.find((member) => compiler.isConstructorDeclaration(member));
  const body =
    constructor !== undefined && compiler.isConstructorDeclaration(constructor) ? constructor.body : undefined;
  const after = body?.statements.at(-1);
  if (after === undefined)
    throw unsupported(
      `${toWhere(module, node)}: ${service.className} has no constructor to add to`,
      'Make its objects in a constructor.',
    );
  return { module, after, scope: 'this', indent: findIndent(module, after), source };
}

function findTopStatement(module: SourceModule, node: ts.Node): ts.Statement | undefined {
  const { compiler } = module;
  for (let parent: ts.Node | undefined = node; parent !== undefined; parent = parent.parent)
    if (compiler.isExpressionStatement(parent) || compiler.isVariableStatement(parent)) return parent;
  return undefined;
}

function findIndent(module: SourceModule, node: ts.Node): string {
  const start = node.getStart(module.file);
  return /^[ \t]*/.exec(module.text.slice(module.text.lastIndexOf('\n', start - 1) + 1))?.[0] ?? '';
}
