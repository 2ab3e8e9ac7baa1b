// A process of its own that subscribes and prints what it is delivered, to be killed by a test.
import { openEventBus } from '#platform/event-bus/open.ts'

const [url = '', group = '', topic = ''] = process.argv.slice(2)
const bus = await openEventBus(url)
await bus.subscribe(group, [topic], async messages => {
  console.log(messages.map(message => message.position).join(' '))
})
