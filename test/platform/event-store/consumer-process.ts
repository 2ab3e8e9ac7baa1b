// A process that owns a consumer until it is killed: prints `owner`, then `handled <position>` per event. Run by a test.
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'

const [, , url = '', name = ''] = process.argv
const store = await openPostgresEventStore({ url })
await store.consume({
  name,
  async onOwner() {
    console.log('owner')
  },
  async handle(events) {
    for (const { position } of events) console.log(`handled ${position}`)
  },
})
