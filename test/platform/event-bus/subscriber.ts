// Subscribes in a process that a test kills, and prints the positions that are delivered.
import { openEventBus } from '#platform/event-bus/open.ts'

const [url = '', group = '', topic = ''] = process.argv.slice(2)
const bus = await openEventBus(url)
await bus.subscribe(group, [topic], async messages => {
  console.log(messages.map(message => message.position).join(' '))
})
