// Implements `npm run dead-letters`: lists the events that consumers parked, and hands them to their consumers again.
import process from 'node:process'
import type { DeadLetter, EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { type CommandInput, runCommand, usageError } from '#tools/command-line.ts'
import { deadLetters } from '#tools/commands.ts'
import { localDatabase } from '#tools/local-database.ts'

type DeadLetterOptions = CommandInput<typeof deadLetters.options>['values']

type DeadLetterCommand =
  | { readonly kind: 'list'; readonly consumer: string | undefined }
  | { readonly kind: 'replay'; readonly consumer: string; readonly positions: readonly number[] }

/** Parses the operands. Throws OperatorError USAGE when they make no sense. */
function readCommand([kind, consumer, ...rest]: readonly string[]): DeadLetterCommand {
  if (kind === 'list' && rest.length === 0) return { kind, consumer }
  if (kind === 'list') throw usageError(deadLetters, `list takes one consumer, not ${rest.length + 1}.`)
  if (kind !== 'replay')
    throw usageError(deadLetters, `Say list or replay${kind === undefined ? '' : `, not "${kind}"`}.`)
  if (consumer === undefined) throw usageError(deadLetters, 'replay needs the name of a consumer.')
  const wrong = rest.find(position => !/^\d{1,15}$/.test(position))
  if (wrong !== undefined)
    throw usageError(deadLetters, `A position is a number that list shows, not "${wrong}".`)
  return { kind, consumer, positions: rest.map(Number) }
}

/** Runs one command and returns what to print. */
async function run(store: EventStore, command: DeadLetterCommand): Promise<string> {
  if (command.kind === 'list') return list(await store.listDeadLetters(command.consumer))
  const { consumer, positions } = command
  const count = await store.replayDeadLetters(consumer, positions.length > 0 ? positions : undefined)
  return count === 0
    ? `${consumer} has no dead letters${positions.length > 0 ? ' at these positions' : ''}: nothing was changed`
    : `${count} marked for a retry: the owner of ${consumer} retries them now, or when it next runs`
}

function list(letters: readonly DeadLetter[]): string {
  if (letters.length === 0) return 'no dead letters'
  return letters.map(describe).join('\n')
}

function describe({ consumer, event, error, attempts, parkedAt, behind }: DeadLetter): string {
  const [reason] = error.split('\n')
  const why = behind === undefined ? `failed ${attempts} times: ${reason}` : `waits for position ${behind}`
  return `${consumer}  ${event.position}  ${event.stream} v${event.version}  ${event.type}  parked ${parkedAt}\n    ${why}`
}

async function databaseUrl({ service, database }: DeadLetterOptions): Promise<string> {
  const url = database ?? process.env.DATABASE_URL
  if (database !== undefined && !/^postgres(ql)?:$/.test(URL.parse(database)?.protocol ?? ''))
    throw usageError(
      deadLetters,
      '--database should be a URL such as postgres://user:password@host:5432/orders.',
    )
  if (service !== undefined && database !== undefined)
    throw usageError(deadLetters, '--service and --database name the same thing: give one of them.')
  if (service === undefined && url === undefined)
    throw usageError(deadLetters, `--service or --database should say whose events: ${SUBGRAPHS.join(', ')}.`)
  if (service === undefined) return url ?? ''
  const name = SUBGRAPHS.find(known => known === service)
  if (name === undefined)
    throw usageError(deadLetters, `--service should be one of ${SUBGRAPHS.join(', ')}, not "${service}".`)
  return localDatabase(name)
}

if (import.meta.main)
  await runCommand(deadLetters, async ({ values, operands }) => {
    const command = readCommand(operands)
    await using store = await openPostgresEventStore({ url: await databaseUrl(values) })
    console.log(await run(store, command))
  })
