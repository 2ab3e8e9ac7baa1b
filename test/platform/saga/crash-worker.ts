// A process that runs trips, to be killed: it says on standard output what it was asked for and hangs, answers the steps named
// `try-…`, and kills itself before it makes the call that it is told of.
import { runTrips, SUCCESS } from './runner-fixture.ts'

const [url = '', suicide] = process.argv.slice(2)
await runTrips(url, call => {
  if (call.step === suicide) process.kill(process.pid, 'SIGKILL')
  if (call.step.startsWith('try')) return Promise.resolve(SUCCESS)
  process.stdout.write(`${call.key}\n`)
  return new Promise(() => {})
})
process.stdout.write('ready\n')
