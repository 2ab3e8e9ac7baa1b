// The shop with urql and its normalized cache, Graphcache.
import { useState } from 'react'
import { Provider, useMutation, useQuery, useSubscription } from 'urql'
import {
  CancelOrderDocument,
  CheckoutDocument,
  type CheckoutInput,
  MyOrderChangesDocument,
  OrderListDocument,
  type OrderListQueryVariables,
  OrderPageDocument,
} from '../generated/graphql.ts'
import { orderIdOf, sentenceOf } from '../shop/outcome.ts'
import { CheckoutForm, OrderDetails, OrderRows, Outcome, show } from '../shop/screens.tsx'
import { readSession } from '../shop/session.ts'
import { createClient } from './client.ts'

const PAGE = 2
const session = readSession()

function Shop() {
  const [selected, setSelected] = useState<string>()
  const [sentence, setSentence] = useState('')
  const [variables, setVariables] = useState<OrderListQueryVariables>({ first: PAGE, after: session.after })
  const [{ data }] = useQuery({ query: OrderListDocument, variables, requestPolicy: 'cache-and-network' })
  const [, checkout] = useMutation(CheckoutDocument)
  useSubscription({ query: MyOrderChangesDocument })

  const edges = data?.orders?.edges ?? []
  const older = () => setVariables({ first: PAGE, after: edges.at(-1)?.cursor })
  const newer = () => setVariables({ last: PAGE, before: edges[0]?.cursor })

  async function order(input: CheckoutInput) {
    setSentence('')
    const outcome = (await checkout({ input })).data?.checkout
    if (!outcome) return
    setSentence(sentenceOf(outcome))
    const placed = orderIdOf(outcome)
    if (!placed) return
    newer()
    setSelected(placed)
  }

  return (
    <>
      <OrderRows
        orders={edges.map(({ node }) => node)}
        paging={{
          hasNewer: data?.orders?.pageInfo.hasPreviousPage ?? false,
          hasOlder: data?.orders?.pageInfo.hasNextPage ?? false,
          onNewer: newer,
          onOlder: older,
        }}
        onSelect={setSelected}
      />
      {selected && <Page id={selected} onOutcome={setSentence} />}
      <CheckoutForm onOrder={order} />
      <Outcome sentence={sentence} />
    </>
  )
}

function Page({ id, onOutcome }: { id: string; onOutcome: (sentence: string) => void }) {
  const [{ data }] = useQuery({ query: OrderPageDocument, variables: { id } })
  const [, cancel] = useMutation(CancelOrderDocument)

  async function cancelOrder() {
    const result = await cancel({ input: { idempotencyKey: `cancel-${id}`, orderId: id } })
    if (result.data?.cancelOrder) onOutcome(sentenceOf(result.data.cancelOrder))
  }

  return data?.order && <OrderDetails order={data.order} onCancel={cancelOrder} />
}

show(
  <Provider value={createClient(session)}>
    <Shop />
  </Provider>,
)
