// Prints an order's status and those of its shipments after each change, until the order is over.
// node docs/watch-order.mjs ORDER_ID, with the environment variables TOKEN, and WEB if the web BFF is elsewhere.
import { createClient } from 'graphql-ws'
import { WebSocket } from 'ws'

const [id] = process.argv.slice(2)
const { TOKEN, WEB = 'http://127.0.0.1:4000/graphql' } = process.env
const client = createClient({
  url: WEB.replace(/^http/, 'ws'),
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${TOKEN}` },
})
const changes = client.iterate({
  query: 'subscription($id: ID!) { orderChanges(id: $id) { order { status shipments { status } } } }',
  variables: { id },
})

for await (const { data, errors } of changes) {
  if (!data) throw new Error(errors?.[0]?.message)
  const { status, shipments } = data.orderChanges.order
  console.log(status, ...shipments.map(shipment => shipment.status))
  if (status === 'COMPLETED' || status === 'CANCELLED') break
}
await client.dispose()
