// A process that begins trips on Temporal and hangs in every call, to be killed: says on standard output what it was asked for.
import process from 'node:process'
import { runTripsOnTemporal } from '#test/platform/saga/temporal/temporal-fixture.ts'
import { tripOf, tripUntil } from '#test/platform/saga/trip-saga.ts'

const [url = '', databaseUrl = '', dueAt = ''] = process.argv.slice(2)
const { runner } = await runTripsOnTemporal(
  { url, databaseUrl },
  {
    perform(call) {
      process.stdout.write(`${call.key}\n`)
      return new Promise(() => {})
    },
  },
)
await runner.deliver('t2', 'in1', tripUntil(new Date(dueAt)))
await runner.deliver('t1', 'in1', tripOf('book', 'pay'))
