// Cancels an order, and prints how that went.
// node docs/cancel-order.mjs ORDER_ID, with the environment variables TOKEN, and WEB if the web BFF is elsewhere.
const [orderId] = process.argv.slice(2)
const { TOKEN, WEB = 'http://127.0.0.1:4000/graphql' } = process.env

const CANCEL = `mutation ($input: CancelOrderInput!) {
  cancelOrder(input: $input) {
    __typename
    ... on OrderCancelled { order { id number status } }
    ... on CancellationPending { message order { id number status cancellationRequested } }
    ... on Refusal { code message path }
  }
}`

function tell(result) {
  switch (result.__typename) {
    case 'OrderCancelled':
      return `${result.order.number} is cancelled.`
    case 'CancellationPending':
      return `${result.order.number}: ${result.message}`
    case 'InvalidInput':
      return `Please mend ${result.path?.slice(1).join('.') ?? 'your input'}: ${result.message}`
    default: // Every other member is a refusal, those of later versions included.
      return `${result.code}: ${result.message}`
  }
}

const response = await fetch(WEB, {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
  body: JSON.stringify({
    query: CANCEL,
    variables: { input: { idempotencyKey: `cancel-${orderId}`, orderId } },
  }),
})
const { data, errors } = await response.json()
if (errors) throw new Error(errors[0].message) // Sign in, or send the same again later, under the same key.
console.log(tell(data.cancelOrder))
