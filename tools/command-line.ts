// Defines the command line of every npm script: from a command's declaration it makes the help, the argument checks and
// the confirmation of destructive commands. Parsing is `parseArgs` of node:util.
import process from 'node:process'
import { createInterface } from 'node:readline/promises'
import { type ParseArgsOptionDescriptor, parseArgs } from 'node:util'
import { OperatorError } from '#platform/domain/errors.ts'
import { describeFault } from '#platform/process/fault.ts'

export type Option = ParseArgsOptionDescriptor & {
  readonly description: string
  /** The placeholder for its value in the help, such as URL. An option of type string has one. */
  readonly value?: string
}

export type Command<Options extends Record<string, Option> = Record<string, Option>> = {
  /** Its script in package.json. */
  readonly name: string
  /** One sentence, shown by `npm run help` and at the top of its own help. */
  readonly purpose: string
  /** Positional arguments; none are accepted when left out. */
  readonly operands?: { readonly usage: string; readonly description: string; readonly most?: number }
  readonly options: Options
  /** One or more command lines that work as written. */
  readonly examples: readonly string[]
  /** More text for its help, such as variables that it reads. */
  readonly details?: string
  /** Says whether it deletes or overwrites data: then it asks for confirmation unless `--yes` is given. */
  readonly destroys?: boolean
}

function parse<Options extends Record<string, Option>>(args: readonly string[], options: Options) {
  return parseArgs({ args: [...args], allowPositionals: true, strict: true, options })
}

export type CommandInput<Options extends Record<string, Option>> = {
  /** The value of each option, or its default. */
  readonly values: ReturnType<typeof parse<Options>>['values']
  readonly operands: readonly string[]
  /**
   * Asks `question` on the terminal, and resolves when the answer is yes or `--yes` was given. Throws OperatorError
   * NOT_CONFIRMED otherwise, and where there is no terminal to ask on.
   */
  readonly confirm: (question: string) => Promise<void>
}

/** Declares a command and keeps the exact types of its options. */
export function defineCommand<const Options extends Record<string, Option>>(
  command: Command<Options>,
): Command<Options> {
  return command
}

const YES: Option = { type: 'boolean', description: 'destroys without asking, for scripts' }
const WRONG_USAGE_EXIT = 2

/**
 * Runs `main` with what the command line says, and sets the exit code: what `main` resolves with, 1
 * after a fault, 2 for arguments that make no sense. `--help` and `-h` print the help and do nothing else.
 */
export async function runCommand<const Options extends Record<string, Option>>(
  command: Command<Options>,
  main: (input: CommandInput<Options>) => Promise<number | undefined> | Promise<void>,
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  if (wantsHelp(args)) return console.log(helpText(command))
  try {
    const code = await main(readInput(command, args))
    if (code !== undefined) process.exitCode = code
  } catch (error) {
    console.error(describeFault(error))
    process.exitCode = error instanceof OperatorError && error.code === 'USAGE' ? WRONG_USAGE_EXIT : 1
  }
}

function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? undefined : end).some(arg => arg === '--help' || arg === '-h')
}

/** Parses the arguments. Throws OperatorError USAGE that names the problem and how the command is called. */
export function readInput<const Options extends Record<string, Option>>(
  command: Command<Options>,
  args: readonly string[],
): CommandInput<Options> {
  const options = command.destroys ? { ...command.options, yes: YES } : command.options
  const problem = findProblem({ ...command, options }, args)
  if (problem !== undefined) throw usageError(command, problem)
  const { values, positionals } = parse(args, options)
  const approved = command.destroys === true && args.includes('--yes')
  return {
    values,
    operands: positionals,
    confirm: question => (approved ? Promise.resolve() : confirm(question)),
  }
}

/** Returns the error for arguments that `command` cannot use. `problem` is a sentence. */
export function usageError(command: Command, problem: string): OperatorError {
  return new OperatorError('USAGE', `${problem}\n${invocationOf(command)} --help shows how it is used.`)
}

/** Returns what the strict parser would refuse, as a sentence of ours. */
function findProblem(command: Command, args: readonly string[]): string | undefined {
  const { options, operands, name } = command
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (option === undefined)
      return `${name} has no option ${token.rawName}: it takes ${listOf(command.options)}.`
    if (option.type === 'boolean' && token.value !== undefined)
      return `${token.rawName} takes no value, and got "${token.value}".`
    if (option.type === 'string' && lacksValue(token))
      return `${token.rawName} needs a value: ${token.rawName}=${option.value ?? 'VALUE'}.`
  }
  const most = operands === undefined ? 0 : (operands.most ?? Number.POSITIVE_INFINITY)
  if (positionals.length > most)
    return `${name} has no use for ${quoted(positionals.slice(most))}: it takes ${operands?.usage ?? 'options alone'}.`
  return undefined
}

function lacksValue(token: {
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}): boolean {
  if (token.value === undefined || token.value === '') return true
  return token.inlineValue === false && token.value.startsWith('-')
}

function listOf(options: Readonly<Record<string, Option>>): string {
  return [...Object.keys(options), 'help'].map(name => `--${name}`).join(', ')
}

function quoted(words: readonly string[]): string {
  return words.map(word => `"${word}"`).join(' ')
}

async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new OperatorError(
      'NOT_CONFIRMED',
      `${question} Nothing was changed: there is no terminal to answer on. To do it without being asked, add --yes.`,
    )
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal
    .question(`${question} [y/N] `)
    .catch(() => '') // Ctrl-C means no
    .finally(() => terminal.close())
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new OperatorError('NOT_CONFIRMED', 'Nothing was changed: the answer was not yes.')
}

/** Returns how the command is called, up to its arguments. */
export function invocationOf({ name }: Pick<Command, 'name'>): string {
  return name === 'start' || name === 'test' ? `npm ${name} --` : `npm run ${name} --`
}

/** Returns the text that `--help` prints. */
export function helpText(command: Command): string {
  const options = { ...command.options, ...(command.destroys && { yes: YES }) }
  const rows = [
    ...(command.operands ? [[command.operands.usage, command.operands.description]] : []),
    ...Object.entries(options).map(([name, option]) => [optionUsage(name, option), optionText(option)]),
    ['-h, --help', 'prints this and does nothing else'],
  ]
  const width = Math.max(...rows.map(([usage = '']) => usage.length)) + 2
  const usage = [command.operands?.usage, '[OPTION…]'].filter(Boolean).join(' ')
  return [
    `${invocationOf(command)} ${usage}`,
    command.purpose,
    '',
    ...rows.map(([left = '', right = '']) => `  ${left.padEnd(width)}${indented(right, width + 2)}`),
    ...(command.details ? ['', command.details] : []),
    '',
    ...command.examples.map(example => `Example: ${example}`),
  ].join('\n')
}

function optionUsage(name: string, { type, value, short }: Option): string {
  return `${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`
}

function optionText({ description, default: fallback }: Option): string {
  return fallback === undefined ? description : `${description} (${fallback} when left out)`
}

function indented(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`)
}
