// npm run bench -- [NAME…] [--quick]: runs the named benchmarks, or all of them. Free of measuring.
import { type Bench, publish } from '#bench/harness.ts'

const BENCHES: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  'event-store': () => import('#bench/event-store.ts'),
  checkout: () => import('#bench/checkout.ts'),
  engines: () => import('#bench/engines.ts'),
  bff: () => import('#bench/bff.ts'),
  live: () => import('#bench/live.ts'),
  gateway: () => import('#bench/gateway.ts'),
}

const args = process.argv.slice(2)
const quick = args.includes('--quick')
const names = args.filter(arg => arg !== '--quick')
const unknown = names.filter(name => !BENCHES[name])

if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}: there are ${Object.keys(BENCHES).join(', ')}`)
  process.exitCode = 1
} else
  for (const [name, open] of Object.entries(BENCHES)) {
    if (names.length > 0 && !names.includes(name)) continue
    console.log(`\n${name}${quick ? ' (quick)' : ''}`)
    const { bench } = await open()
    await publish(name, await bench({ quick }))
  }
