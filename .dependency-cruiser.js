// The import ladder: a folder may import itself and what stands before it. Types count as imports.
const ladder = [
  'lib',
  'config',
  'database',
  'manifest',
  'repo',
  'forge',
  'cdk8s',
  'rollout',
  'validation',
  'policy',
  'kubernetes',
  'argocd',
  'memory',
  'model',
  'audit',
  'ticket',
  'agent',
  'runner',
  'intake',
  'api',
  'client',
  'sandbox',
  ['mcp', 'web', 'cli', 'tui'],
  'app',
  'main',
];
const rungs = ladder.map((rung) => (Array.isArray(rung) ? rung : [rung]));
const pathOf = (name) => (name === 'main' ? `^src/${name}\\.ts$` : `^src/${name}/`);
const ladderRules = rungs.flatMap((rung, index) =>
  rung.map((name) => {
    const above = rungs.slice(index + 1).flat();
    const beside = rung.filter((other) => other !== name);
    const banned = [...above, ...beside];
    return {
      name: `ladder-${name}`,
      comment: `src/${name} may import only itself and what stands before it on the ladder.`,
      severity: 'error',
      from: { path: pathOf(name) },
      to: { path: banned.length > 0 ? banned.map(pathOf) : '^$' },
    };
  }),
);

const home = (name, packagePath, allowed) => ({
  name: `home-${name}`,
  comment: `${name} has one home: ${allowed.join(', ')}.`,
  severity: 'error',
  from: { path: '^src/', pathNot: [...allowed, '\\.test\\.ts$'] },
  to: { path: packagePath },
});

export default {
  forbidden: [
    ...ladderRules,
    { name: 'no-cycles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: {
        orphan: true,
        path: '^src/',
        pathNot: ['^src/main\\.ts$', '\\.test\\.ts$', '\\.d\\.ts$', '/testdata/', '^src/cdk8s/jail/'],
      },
      to: {},
    },
    home('knex', '^node_modules/knex', ['^src/database/', '-store\\.ts$', '^src/agent/checkpointer\\.ts$']),
    home('fastify', '^node_modules/(fastify|@fastify)', ['^src/api/', '^src/sandbox/']),
    home('mcp', '^node_modules/@modelcontextprotocol', ['^src/mcp/']),
    home('blessed', '^node_modules/blessed', ['^src/tui/screen\\.ts$']),
    home('langgraph', '^node_modules/@langchain/langgraph', ['^src/agent/', '^src/runner/']),
    home('simple-git', '^node_modules/simple-git', ['^src/repo/']),
    home('child_process', '^(node:)?child_process$', ['^src/lib/exec\\.ts$']),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/testdata/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
