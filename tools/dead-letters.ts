// npm run dead-letters: lists the events that consumers moved past, and hands them to their consumers again.
import { parseArgs } from 'node:util'
import { OperatorError } from '#platform/domain/errors.ts'
import { openPostgresEventStore } from '#platform/event-store/event-store.postgres.ts'
import type { DeadLetter, EventStore } from '#platform/event-store/event-store.ts'
import { SUBGRAPHS } from '#start/layout.ts'
import { localDatabase } from '#tools/local-database.ts'

export const USAGE = `npm run dead-letters -- [--service NAME | --database URL] COMMAND
  list [CONSUMER]                  parked events, oldest first: why each failed, or what it waits for
  replay CONSUMER [POSITION…]      tries the streams of these events again, or of all
NAME is one of ${SUBGRAPHS.join(', ')}, of the copy that \`npm start\` runs in DATA_DIR.
URL is the database of one service; DATABASE_URL names it when neither option does.`

/** Runs one command and answers what to print. Undefined when the arguments make no sense. */
export async function run(store: EventStore, args: readonly string[]): Promise<string | undefined> {
  const [command, consumer, ...rest] = args
  if (command === 'list' && rest.length === 0) return list(await store.listDeadLetters(consumer))
  const positions = rest.map(Number)
  if (command !== 'replay' || consumer === undefined || !positions.every(Number.isSafeInteger))
    return undefined
  const count = await store.replayDeadLetters(consumer, positions.length > 0 ? positions : undefined)
  return count === 0
    ? `nothing of ${consumer} is parked${positions.length > 0 ? ' there' : ''}`
    : `${count} marked: ${consumer}'s owner tries them now, or when it next runs`
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

async function databaseUrl(options: { service?: string; database?: string }): Promise<string | undefined> {
  const { service, database } = options
  if (service === undefined) return database ?? process.env.DATABASE_URL
  const name = SUBGRAPHS.find(known => known === service)
  if (name === undefined || database !== undefined) throw new OperatorError('USAGE', USAGE)
  return localDatabase(name)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { database: { type: 'string' }, service: { type: 'string' } },
  })
  const url = await databaseUrl(values)
  if (url === undefined || positionals.length === 0) throw new OperatorError('USAGE', USAGE)
  await using store = await openPostgresEventStore({ url })
  const text = await run(store, positionals)
  if (text === undefined) throw new OperatorError('USAGE', USAGE)
  console.log(text)
}

if (import.meta.main)
  await main().catch(error => {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  })
