// The shop with Apollo Client.
import { ApolloProvider, useMutation, useQuery, useSubscription } from '@apollo/client/react'
import { useState } from 'react'
import {
  CancelOrderDocument,
  CheckoutDocument,
  type CheckoutInput,
  MyOrderChangesDocument,
  type OrderDetailsFragment,
  OrderListDocument,
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
  const list = useQuery(OrderListDocument, { variables: { first: PAGE, after: session.after } })
  const [checkout] = useMutation(CheckoutDocument)
  useSubscription(MyOrderChangesDocument)

  const edges = list.data?.orders?.edges ?? []
  const info = list.data?.orders?.pageInfo
  const older = () => list.fetchMore({ variables: { first: PAGE, after: info?.endCursor } })
  const newer = () =>
    list.fetchMore({ variables: { first: null, after: null, last: PAGE, before: info?.startCursor } })

  async function order(input: CheckoutInput) {
    setSentence('')
    const outcome = (await checkout({ variables: { input } })).data?.checkout
    if (!outcome) return
    setSentence(sentenceOf(outcome))
    const placed = orderIdOf(outcome)
    if (!placed) return
    await newer()
    setSelected(placed)
  }

  return (
    <>
      <OrderRows
        orders={edges.map(({ node }) => node)}
        paging={{
          hasNewer: info?.hasPreviousPage ?? false,
          hasOlder: info?.hasNextPage ?? false,
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
  const order = useQuery(OrderPageDocument, { variables: { id } }).data?.order
  const [cancel] = useMutation(CancelOrderDocument)

  async function cancelOrder(shown: OrderDetailsFragment) {
    const { data } = await cancel({
      variables: { input: { idempotencyKey: `cancel-${id}`, orderId: id } },
      optimisticResponse: {
        cancelOrder: {
          __typename: 'OrderCancelled',
          order: { ...shown, status: 'CANCELLED', allowedActions: [] },
        },
      },
    })
    if (data?.cancelOrder) onOutcome(sentenceOf(data.cancelOrder))
  }

  return order && <OrderDetails order={order} onCancel={() => cancelOrder(order)} />
}

show(
  <ApolloProvider client={createClient(session)}>
    <Shop />
  </ApolloProvider>,
)
