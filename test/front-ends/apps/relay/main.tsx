// The shop with Relay.
import { Suspense, useMemo, useState } from 'react'
import {
  graphql,
  RelayEnvironmentProvider,
  useLazyLoadQuery,
  useMutation,
  usePaginationFragment,
  useSubscription,
} from 'react-relay'
import { orderIdOf, sentenceOf } from '../shop/outcome.ts'
import { CheckoutForm, OrderRows, Outcome, show } from '../shop/screens.tsx'
import { readSession } from '../shop/session.ts'
import type { CheckoutInput, mainCheckoutMutation } from './__generated__/mainCheckoutMutation.graphql.ts'
import type { mainListQuery } from './__generated__/mainListQuery.graphql.ts'
import type { mainOlderQuery } from './__generated__/mainOlderQuery.graphql.ts'
import type { mainOrders$key } from './__generated__/mainOrders.graphql.ts'
import type { mainSubscription } from './__generated__/mainSubscription.graphql.ts'
import { createEnvironment } from './environment.ts'
import { Page } from './page.tsx'

const PAGE = 2
const session = readSession()

function Shop() {
  const query = useLazyLoadQuery<mainListQuery>(
    graphql`
      query mainListQuery($first: Int, $after: String) {
        ...mainOrders @arguments(first: $first, after: $after)
      }
    `,
    { first: PAGE, after: session.after },
  )
  const list = usePaginationFragment<mainOlderQuery, mainOrders$key>(
    graphql`
      fragment mainOrders on Query
      @argumentDefinitions(
        first: { type: "Int" }
        after: { type: "String" }
        last: { type: "Int" }
        before: { type: "String" }
      )
      @refetchable(queryName: "mainOlderQuery")
      @throwOnFieldError {
        orders(first: $first, after: $after, last: $last, before: $before) @connection(key: "main_orders") {
          edges {
            node {
              id
              number
              status
              cancellationRequested
              total {
                amount
                currency
              }
            }
          }
        }
      }
    `,
    query,
  )
  const [selected, setSelected] = useState<string>()
  const [sentence, setSentence] = useState('')
  const [checkout] = useMutation<mainCheckoutMutation>(CHECKOUT)
  useSubscription<mainSubscription>(useMemo(() => ({ subscription: CHANGES, variables: {} }), []))

  const newer = () => list.loadPrevious(PAGE)
  function order(input: CheckoutInput) {
    setSentence('')
    checkout({
      variables: { input },
      onCompleted({ checkout: outcome }) {
        if (!outcome || outcome.__typename === '%other') return
        setSentence(sentenceOf(outcome))
        const placed = orderIdOf(outcome)
        if (!placed) return
        newer()
        setSelected(placed)
      },
    })
  }

  return (
    <>
      <OrderRows
        orders={list.data.orders.edges.map(({ node }) => node)}
        paging={{
          hasNewer: list.hasPrevious,
          hasOlder: list.hasNext,
          onNewer: newer,
          onOlder: () => list.loadNext(PAGE),
        }}
        onSelect={setSelected}
      />
      <Suspense>{selected && <Page id={selected} onOutcome={setSentence} />}</Suspense>
      <CheckoutForm onOrder={order} />
      <Outcome sentence={sentence} />
    </>
  )
}

const CHANGES = graphql`
  subscription mainSubscription {
    myOrderChanges {
      cursor
      orders {
        ...pageOrder
      }
    }
  }
`

const CHECKOUT = graphql`
  mutation mainCheckoutMutation($input: CheckoutInput!) {
    checkout(input: $input) {
      __typename
      ... on OrderAccepted {
        order {
          id
          ...pageOrder
        }
      }
      ... on OrderPending {
        order {
          id
          ...pageOrder
        }
      }
      ... on UnknownProduct {
        code
        message
        path
        skus
      }
      ... on UnknownCustomer {
        code
        message
        path
        customerId
      }
      ... on OutOfStock {
        code
        message
        path
        shortages {
          sku
          available
        }
        cancelledOrder {
          id
          ...pageOrder
        }
      }
      ... on PaymentDeclined {
        code
        message
        path
        retryable
        cancelledOrder {
          id
          ...pageOrder
        }
      }
      ... on TotalChanged {
        code
        message
        path
        expected {
          amount
          currency
        }
        actual {
          amount
          currency
        }
      }
      ... on TenderMismatch {
        code
        message
        path
        total {
          amount
          currency
        }
        tendered {
          amount
          currency
        }
      }
      ... on MixedCurrencies {
        code
        message
        path
        currencies
      }
      ... on OrderNotFulfilled {
        code
        message
        path
        order {
          id
          ...pageOrder
        }
      }
      ... on InvalidInput {
        code
        message
        path
      }
      ... on IdempotencyConflict {
        code
        message
        path
      }
    }
  }
`

show(
  <RelayEnvironmentProvider environment={createEnvironment(session)}>
    <Suspense>
      <Shop />
    </Suspense>
  </RelayEnvironmentProvider>,
)
