// Runs projections in a process that a test kills: prints `started`, then each lag that it reports.
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import { startProjections } from '#platform/read-models/run-projections.ts'
import { overview, tallies } from '#test/platform/read-models/tally.ts'

const [, , url = ''] = process.argv
const store = await openPostgresEventStore({ url })
const readModels = await openReadModels(url, { eventStoreUrl: url })
let batches = 0
const onLag = () => console.log(`batch ${++batches}`)
await startProjections({ store, readModels, views: [tallies(), overview], onLag })
console.log('started')
