// Runs the npm scripts that have no file of their own in this folder, after checking their arguments by their declaration:
// `node tools/launcher.ts NAME`.
import { spawn } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { type Command, type Option, runCommand } from '#tools/command-line.ts'
import * as commands from '#tools/commands.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const BIN = path.join(ROOT, 'node_modules/.bin')

type Program = {
  /** The programs to run one after the other until one fails. The last one gets the arguments. */
  readonly steps: readonly (readonly [program: string, ...args: string[]])[]
  readonly env?: NodeJS.ProcessEnv
}

const { env } = process
const PROGRAMS: readonly (readonly [Command, Program])[] = [
  [commands.installTemporal, { steps: [['node', 'start/install.mjs', '--temporal']] }],
  [
    commands.test,
    {
      steps: [
        ['node', 'tools/static-checks.ts'],
        ['vitest', 'run'],
      ],
    },
  ],
  [commands.testEngines, { steps: [['node', 'tools/test-engines.ts']] }],
  [
    commands.testKill,
    { steps: [['vitest', 'run', 'test/start/kill.e2e.test.ts']], env: { KILLS: env.KILLS || '20' } },
  ],
  [
    commands.testResume,
    {
      steps: [['vitest', 'run', 'test/e2e/subscription-resumption.e2e.test.ts']],
      env: { RESUME_SECONDS: env.RESUME_SECONDS || '120' },
    },
  ],
  [
    commands.testOutbox,
    {
      steps: [['vitest', 'run', 'test/clients/kit/outbox-kills.e2e.test.ts']],
      env: { OUTBOX_KILLS: env.OUTBOX_KILLS || '100' },
    },
  ],
  [
    commands.testOverload,
    {
      steps: [['vitest', 'run', 'test/e2e/overload.e2e.test.ts']],
      env: { OVERLOAD_SECONDS: env.OVERLOAD_SECONDS || '60' },
    },
  ],
  [commands.testFleet, { steps: [['vitest', 'run', 'test/fleet']], env: { ENGINES: '1' } }],
  [
    commands.fuzzGateway,
    { steps: [['vitest', 'run', 'test/gateway/differential']], env: { FUZZ_RUNS: env.FUZZ_RUNS || '5000' } },
  ],
  [commands.lint, { steps: [['biome', 'check']] }],
  [commands.typecheck, { steps: [['tsc', '--noEmit']] }],
]

/** The commands that run in this process; signals reach the services among them directly. */
const OWN: readonly (readonly [Command, () => Promise<unknown>])[] = [
  [commands.help, async () => console.log(commands.commandList())],
  [commands.start, () => import('#start/main.ts')],
  [commands.gateway, () => import('#gateway/main.ts')],
]

/** Resolves with the exit code of the first step that fails, or of the last. */
async function runSteps({ steps, env = {} }: Program, args: readonly string[]): Promise<number> {
  for (const [index, [program, ...given]] of steps.entries()) {
    const code = await runStep(program, [...given, ...(index === steps.length - 1 ? args : [])], env)
    if (code !== 0) return code
  }
  return 0
}

/** Ctrl-C reaches the whole process group, so this waits for the program to end; other signals are forwarded. */
function runStep(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(path.join(BIN, program), args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
    shell: process.platform === 'win32',
  })
  const ignore = () => {}
  const stop = () => void child.kill('SIGTERM')
  process.on('SIGINT', ignore).on('SIGTERM', stop)
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject).once('close', code => resolve(code ?? 1))
  }).finally(() => process.off('SIGINT', ignore).off('SIGTERM', stop))
}

/** Returns the options and operands as the program takes them. */
function passedOn(
  { options }: Command,
  {
    values,
    operands,
  }: { readonly values: Readonly<Record<string, unknown>>; readonly operands: readonly string[] },
): string[] {
  const given = Object.entries(options).flatMap(([name, option]) => passedOption(name, option, values[name]))
  return [...given, ...operands]
}

function passedOption(name: string, { type }: Option, value: unknown): string[] {
  if (value === undefined || value === false) return []
  return type === 'boolean' ? [`--${name}`] : [`--${name}=${value}`]
}

async function launch(name: string | undefined, args: readonly string[]): Promise<void> {
  const program = PROGRAMS.find(([command]) => command.name === name)
  if (program) return runCommand(program[0], input => runSteps(program[1], passedOn(program[0], input)), args)
  const own = OWN.find(([command]) => command.name === name)
  if (!own) throw new Error(`tools/launcher.ts has no command ${name}`)
  await runCommand(own[0], async () => void (await own[1]()), args)
}

const [name, ...args] = process.argv.slice(2)
await launch(name, args)
