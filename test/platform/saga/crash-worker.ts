// A process that runs trips and hangs in every call, to be killed: says on standard output what it was asked for.
import { runTrips } from './runner-fixture.ts'

const [url = ''] = process.argv.slice(2)
await runTrips(url, call => {
  process.stdout.write(`${call.key}\n`)
  return new Promise(() => {})
})
process.stdout.write('ready\n')
