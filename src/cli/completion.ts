import type { Command } from 'commander';

interface Node {
  /** Names from the program down: `ticket list`. */
  path: readonly string[];
  commands: { name: string; description: string }[];
  options: { flag: string; description: string; choices: readonly string[]; takesValue: boolean }[];
  choices: readonly string[];
}

/** The script a shell sources to complete every command and option of `program`. */
export function toCompletionScript(program: Command, shell: 'bash' | 'zsh' | 'fish'): string {
  const nodes = listNodes(program, []);
  switch (shell) {
    case 'bash':
      return toBash(nodes);
    case 'zsh':
      // zsh runs bash completions, so that there is one to keep right.
      return `autoload -U +X bashcompinit && bashcompinit\n${toBash(nodes)}`;
    case 'fish':
      return toFish(nodes);
  }
}

function listNodes(command: Command, path: readonly string[]): Node[] {
  const visible = command.createHelp().visibleCommands(command);
  const node: Node = {
    path,
    commands: visible.map((one) => ({ name: one.name(), description: one.description() })),
    options: command
      .createHelp()
      .visibleOptions(command)
      .flatMap((option) =>
        option.long === undefined || option.long === null
          ? []
          : [
              {
                flag: option.long,
                description: option.description,
                choices: option.argChoices ?? [],
                takesValue: option.required || option.optional,
              },
            ],
      ),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [node, ...command.commands.flatMap((one) => listNodes(one, [...path, one.name()]))];
}

function toBash(nodes: readonly Node[]): string {
  const words = (node: Node) =>
    [...node.commands.map(({ name }) => name), ...node.choices, ...node.options.map(({ flag }) => flag)].join(' ');
  const cases = nodes.map((node) => `    '${node.path.join(' ')}') words='${words(node)}' ;;`);
  const values = nodes.flatMap((node) =>
    node.options
      .filter(({ takesValue }) => takesValue)
      .map(
        ({ flag, choices }) => `    '${[...node.path, flag].join(' ')}') words='${choices.join(' ')}'; isValue=1 ;;`,
      ),
  );
  const paths = nodes.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`);
  return `_tiphys() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='' words='' isValue='' word index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${path:+$path }\${COMP_WORDS[index]}"
    case "$word" in
    ${paths.join('|')}) path="$word" ;;
    esac
  done
  case "\${path:+$path }$previous" in
${values.join('\n')}
  esac
  if [ -z "$isValue" ]; then
    case "$path" in
${cases.join('\n')}
    esac
  fi
  if [ -z "$words" ]; then
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}
complete -F _tiphys tiphys`;
}

function toFish(nodes: readonly Node[]): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const lines = nodes.flatMap(({ path, commands, options, choices }) => {
    const when = `-n ${quote(toFishTest(path, commands))}`;
    const inside = `-n ${quote(toFishTest(path, []))}`;
    return [
      ...commands.map(({ name, description }) => `complete -c tiphys ${when} -f -a ${name} -d ${quote(description)}`),
      ...(choices.length === 0 ? [] : [`complete -c tiphys ${inside} -f -a ${quote(choices.join(' '))}`]),
      ...options.map(({ flag, description, takesValue, choices: values }) => {
        const value = values.length > 0 ? ` -x -a ${quote(values.join(' '))}` : takesValue ? ' -r' : '';
        return `complete -c tiphys ${inside} -l ${flag.slice(2)}${value} -d ${quote(description)}`;
      }),
    ];
  });
  return lines.join('\n');
}

function toFishTest(path: readonly string[], commands: Node['commands']): string {
  const [last] = path.slice(-1);
  const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`);
  const none =
    commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`];
  return last === undefined ? (none[0] ?? 'true') : [...seen, ...none].join('; and ');
}
