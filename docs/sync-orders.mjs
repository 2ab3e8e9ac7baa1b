// Keeps a copy of the caller's orders as a phone does: fills it, then asks only for what changed since.
// node docs/sync-orders.mjs, with the environment variables TOKEN, and MOBILE if the mobile BFF is elsewhere.
const { TOKEN, MOBILE = 'http://127.0.0.1:4010/graphql' } = process.env
const QUERY = `query ($cursor: String) {
  changesSince(cursor: $cursor) {
    changed { id title statusText tone total { text } placed }
    removed cursor hasMore reset
  }
}`

const phone = { orders: new Map(), cursor: null } // an app keeps both in one transaction of its database

async function ask(cursor) {
  const response = await fetch(MOBILE, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ query: QUERY, variables: { cursor } }),
  })
  const { data, errors } = await response.json()
  if (!data) throw new Error(errors?.[0]?.message)
  return data.changesSince
}

async function sync() {
  let answers = 0
  for (let hasMore = true; hasMore; answers += 1) {
    const answer = await ask(phone.cursor)
    if (answer.reset) phone.orders.clear()
    for (const order of answer.changed) phone.orders.set(order.id, order)
    for (const id of answer.removed) phone.orders.delete(id)
    phone.cursor = answer.cursor
    hasMore = answer.hasMore
  }
  return answers
}

for (const time of ['first', 'second'])
  console.log(`${time} sync: ${await sync()} answers, ${phone.orders.size} orders`)
