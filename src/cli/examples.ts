import type { Command } from 'commander';

/** By command, as it is typed; every command has some. A test parses each with the command it stands under. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  serve: ['tiphys serve', 'TIPHYS_SERVER_PORT=8080 TIPHYS_DATA_DIR=/var/lib/tiphys tiphys serve'],
  demo: ['tiphys demo', 'tiphys demo --json | jq -r .type'],
  sandbox: ['tiphys sandbox --dir ./sandbox --port 8081', 'tiphys sandbox --speed 60'],
  init: ['tiphys init infra && cd infra && npm install', 'tiphys init . --force'],
  migrate: ['tiphys migrate'],
  tui: [
    'tiphys tui --standalone',
    'tiphys tui --standalone --config /etc/tiphys',
    'TIPHYS_API_KEY=... tiphys tui --server https://tiphys.example.org',
  ],
  mcp: ['TIPHYS_API_KEY=... tiphys mcp --server https://tiphys.example.org'],
  'ticket create': [
    'tiphys ticket create "Scale web to 4 replicas" --wait',
    'tiphys ticket create "Update api to 1.9.1" --priority high -d - < why.txt',
    'tiphys ticket create "Deploy redis 7.2 with 3 replicas" --json | jq -r .id',
  ],
  'ticket list': ['tiphys ticket list --status pending_plan_approval', 'tiphys ticket list --application web --json'],
  'ticket show': ['tiphys ticket show 7PGTR0WN', 'tiphys ticket show 7PGTR0WN --json | jq -r .status'],
  'ticket plan': ['tiphys ticket plan 7PGTR0WN', 'tiphys ticket plan 7PGTR0WN --json | jq -r .changeHash'],
  'ticket watch': ['tiphys ticket watch 7PGTR0WN --follow', 'tiphys ticket watch 7PGTR0WN --json | jq -c .type'],
  'ticket start': ['tiphys ticket start 7PGTR0WN --wait'],
  'ticket approve': ['tiphys ticket approve 7PGTR0WN', 'tiphys ticket approve 7PGTR0WN --hash 5f1d... --wait'],
  'ticket reject': [
    'tiphys ticket reject 7PGTR0WN --reason "not before Monday"',
    'tiphys ticket reject 7PGTR0WN --revise --reason "by canary, please"',
  ],
  'ticket grant': ['tiphys ticket grant 7PGTR0WN', 'tiphys ticket grant 7PGTR0WN --approval apr_01J... --wait'],
  'ticket deny': ['tiphys ticket deny 7PGTR0WN --reason "we repair it by hand"'],
  'ticket answer': ['tiphys ticket answer 7PGTR0WN 1.9.1 --wait', 'tiphys ticket answer 7PGTR0WN - < answer.txt'],
  'ticket cancel': ['tiphys ticket cancel 7PGTR0WN --reason "not needed any more"'],
  'ticket pause': ['tiphys ticket pause 7PGTR0WN'],
  'ticket resume': ['tiphys ticket resume 7PGTR0WN --wait'],
  'ticket retry': ['tiphys ticket retry 7PGTR0WN --wait'],
  deploy: [
    'tiphys deploy web --version 1.5.0 --wait',
    'tiphys deploy api --image ghcr.io/acme/api:2.2.0 --strategy canary',
    'tiphys deploy worker --replicas 5',
  ],
  context: ['tiphys context api', 'tiphys context api --environment staging --json'],
  history: ['tiphys history api --limit 5', 'tiphys history api --json | jq -r .items[].version'],
  'memory services': ['tiphys memory services'],
  'memory graph': [
    'tiphys memory graph api',
    'tiphys memory graph --svg > memory.svg',
    'tiphys memory graph --dot | dot -Tpng > memory.png',
  ],
  'memory explain': ['tiphys memory explain 7PGTR0WN'],
  'memory pin': ['tiphys memory pin api --class crash_loop --reason "happens after every schema change"'],
  'memory unpin': ['tiphys memory unpin api --class crash_loop'],
  'memory forget': [
    'tiphys memory forget api --reason "moved to another cluster"',
    'tiphys memory forget old-api --remove',
  ],
  'memory weaken': ['tiphys memory weaken api --factor 0.2 --reason "the node was at fault"'],
  'memory note': ['tiphys memory note api "warm the cache before traffic"'],
  'memory override': ['tiphys memory override api canary --reason "payments"', 'tiphys memory override api none'],
  'memory export': ['tiphys memory export memory.jsonl', 'tiphys memory export --service api | gzip > api.jsonl.gz'],
  'memory import': ['tiphys memory import history.jsonl.gz --source old-pipeline --cluster eu'],
  'memory replay': ['tiphys memory replay history.jsonl.gz --predictions out.csv --summary out.json'],
  'memory import-git': ['tiphys memory import-git ../infra --branch main | tiphys memory replay - --json'],
  'config check': ['tiphys config check', 'tiphys config show --json'],
  status: ['tiphys status', 'tiphys status web --json'],
  'argocd instances': ['tiphys argocd instances', 'tiphys argocd instances --json'],
  'audit list': ['tiphys audit list --ticket 7PGTR0WN', 'tiphys audit list --after 1200 --limit 100 --json'],
  'audit verify': ['tiphys audit verify'],
  doctor: ['tiphys doctor', 'tiphys doctor --json | jq -r .checks[].name'],
  completion: [
    'source <(tiphys completion bash)   # in ~/.bashrc',
    'source <(tiphys completion zsh)    # in ~/.zshrc, after compinit',
    'tiphys completion fish > ~/.config/fish/completions/tiphys.fish',
  ],
};

/** Puts the examples at the end of the help of every command below `command`. */
export function addExamples(command: Command, path: readonly string[] = []): void {
  for (const one of command.commands) addExamples(one, [...path, one.name()]);
  const lines = EXAMPLES[path.join(' ')];
  if (lines !== undefined) command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}
