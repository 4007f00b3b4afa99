import { toObjectRef } from '../../manifest/object.ts';
import type { LiveObject } from '../cluster/live-object.ts';
import { isRecord, listAt, recordAt, textAt, valueAt } from '../json.ts';
import { isEnded } from './analysis-run.ts';
import { ANALYSIS_ANNOTATION, toMeasurements } from './behaviour.ts';
import { toPodSpec } from './pod-spec.ts';
import { toRevision } from './replica-sets.ts';
import { findTemplate } from './rollout-spec.ts';
import type { RolloutState, RunPlace, RunStatus } from './rollout-state.ts';
import { hasPause, isAborted, isFullyPromoted } from './rollout-turn.ts';
import type { RolloutTurn } from './rollout-turn.ts';
import type { World } from './world.ts';

const WORDS: Readonly<Record<RunPlace, string>> = {
  step: 'Step-based analysis phase error/failed',
  background: 'Background analysis phase error/failed',
  pre: 'Blue/green pre-promotion analysis phase error/failed',
  post: 'Blue/green post-promotion analysis phase error/failed',
};

/** The analysis wanted at a place now; `keep` leaves its run as it is, undefined ends it. */
export type WantedAnalysis = { analysis: unknown; suffix: string } | 'keep' | undefined;

const TYPES: Readonly<Record<RunPlace, string>> = {
  step: 'Step',
  background: 'Background',
  pre: 'PrePromotion',
  post: 'PostPromotion',
};

/**
 * Starts, follows and ends the analyses of this look, and marks what follows from them: a pause for one that says neither
 * yes nor no, an abort for one that failed or could not measure. Gives the runs the status should name.
 */
export function followRuns(turn: RolloutTurn, wanted: Partial<Record<RunPlace, WantedAnalysis>>): RolloutState['runs'] {
  const { state } = turn;
  const isOver =
    isFullyPromoted(turn) || isAborted(turn) || state.promoteFull || turn.isFastRollback || state.stableRS === '';
  const runs: RolloutState['runs'] = {};
  for (const [place, want] of isOver ? [] : toEntries(wanted)) {
    const run = want === 'keep' ? findRun(turn, place) : want === undefined ? undefined : follow(turn, place, want);
    if (run !== undefined) runs[place] = toRunStatus(run);
  }
  // What a blue-green update ended with stays readable.
  if (isOver)
    for (const place of ['pre', 'post'] as const) if (state.runs[place] !== undefined) runs[place] = state.runs[place];
  endOthers(turn.world, turn.rollout, isOver ? [] : Object.values(runs).map(({ name }) => name));
  return runs;
}

function toEntries(wanted: Partial<Record<RunPlace, WantedAnalysis>>): [RunPlace, WantedAnalysis][] {
  return (['step', 'background', 'pre', 'post'] as const)
    .filter((place) => place in wanted)
    .map((place) => [place, wanted[place]]);
}

function findRun({ world, rollout, state }: RolloutTurn, place: RunPlace): LiveObject | undefined {
  const name = state.runs[place]?.name;
  return name === undefined ? undefined : world.cluster.find({ ...toRunRef(rollout), name });
}

function toRunRef(rollout: LiveObject) {
  return { group: 'argoproj.io', kind: 'AnalysisRun', namespace: rollout.metadata.namespace ?? '' };
}

function follow(
  turn: RolloutTurn,
  place: RunPlace,
  want: { analysis: unknown; suffix: string },
): LiveObject | undefined {
  const run = findRun(turn, place);
  // Kept while its pause lasts: whoever resumes has it measured anew.
  if (hasPause(turn, 'InconclusiveAnalysisRun') && place !== 'step') return run;
  if (run === undefined || needsNew(turn, run)) return start(turn, want, TYPES[place]);
  const phase = textAt(run, 'status', 'phase');
  if (phase === 'Inconclusive') turn.marks.pauses.push('InconclusiveAnalysisRun');
  if (phase === 'Failed' || phase === 'Error') {
    const said = textAt(run, 'status', 'message');
    turn.marks.abort ??= `${WORDS[place]}${said === undefined ? '' : `: ${said}`}`;
  }
  return run;
}

/** After an inconclusive run was resumed, and after an abort was taken back. */
function needsNew(turn: RolloutTurn, run: LiveObject): boolean {
  const { state } = turn;
  if (state.controllerPause && !hasPause(turn, 'CanaryPauseStep') && !hasPause(turn, 'BlueGreenPause'))
    return textAt(run, 'status', 'phase') === 'Inconclusive';
  return state.abortedAt !== undefined;
}

function start(
  turn: RolloutTurn,
  { analysis, suffix }: { analysis: unknown; suffix: string },
  type: string,
): LiveObject | undefined {
  const { world, rollout, state, newSet } = turn;
  const templates = listAt(analysis, 'templates').map((entry) => findTemplate(world, rollout, entry));
  const base = `${rollout.metadata.name}-${state.currentPodHash}-${toRevision(newSet)}${suffix}`;
  const isTaken = (name: string) => world.cluster.find({ ...toRunRef(rollout), name }) !== undefined;
  let name = base;
  for (let count = 1; isTaken(name); count += 1) name = `${base}.${count}`;
  return world.cluster.create(
    {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'AnalysisRun',
      metadata: {
        name,
        namespace: rollout.metadata.namespace ?? '',
        labels: { 'rollouts-pod-template-hash': state.currentPodHash, 'rollout-type': type },
        annotations: {
          'rollout.argoproj.io/revision': String(toRevision(newSet)),
          [ANALYSIS_ANNOTATION]: toScript(newSet),
        },
      },
      spec: {
        metrics: templates.flatMap((template) => listAt(template, 'spec', 'metrics')),
        dryRun: [...listAt(analysis, 'dryRun'), ...templates.flatMap((template) => listAt(template, 'spec', 'dryRun'))],
        args: listAt(analysis, 'args'),
      },
      status: { phase: 'Pending' },
    },
    rollout,
  );
}

function toScript(newSet: LiveObject): string {
  const { containers, annotations } = toPodSpec(valueAt(newSet, 'spec', 'template'));
  return toMeasurements(containers, annotations);
}

function toRunStatus(run: LiveObject): RunStatus {
  const message = textAt(run, 'status', 'message');
  const status = textAt(run, 'status', 'phase') ?? '';
  return { name: run.metadata.name, status, ...(message === undefined ? {} : { message }) };
}

/** Ends what still measures and is not among these. */
function endOthers(world: World, rollout: LiveObject, kept: readonly string[]): void {
  for (const run of world.cluster.childrenOf(rollout.metadata.uid)) {
    if (run.kind !== 'AnalysisRun' || isEnded(run) || kept.includes(run.metadata.name)) continue;
    world.cluster.update(toObjectRef(run), (live) => ({
      ...live,
      spec: { ...recordAt(live, 'spec'), terminate: true },
    }));
  }
}

/** Whether a field of the strategy asks for an analysis at all. */
export function hasAnalysis(value: unknown): boolean {
  return isRecord(value) && listAt(value, 'templates').length > 0;
}
