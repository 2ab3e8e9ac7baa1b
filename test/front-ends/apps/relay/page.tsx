import { graphql, useFragment, useLazyLoadQuery, useMutation } from 'react-relay'
import { sentenceOf } from '../shop/outcome.ts'
import { OrderDetails } from '../shop/screens.tsx'
import type { pageCancelMutation } from './__generated__/pageCancelMutation.graphql.ts'
import type { pageOrder$key } from './__generated__/pageOrder.graphql.ts'
import type { pageQuery } from './__generated__/pageQuery.graphql.ts'

/** One order, which can be cancelled; `onOutcome` hears what became of that. */
export function Page({ id, onOutcome }: { id: string; onOutcome: (sentence: string) => void }) {
  const { order } = useLazyLoadQuery<pageQuery>(
    graphql`
      query pageQuery($id: ID!) {
        order(id: $id) {
          ...pageOrder
        }
      }
    `,
    { id },
  )
  return order && <Details order={order} onOutcome={onOutcome} />
}

function Details({ order, onOutcome }: { order: pageOrder$key; onOutcome: (sentence: string) => void }) {
  const shown = useFragment(
    graphql`
      fragment pageOrder on Order {
        id
        number
        status
        cancellationRequested
        total {
          amount
          currency
        }
        allowedActions
        cancellation {
          reason
        }
        lines {
          id
          title
          quantity
        }
        payments {
          id
          status
        }
      }
    `,
    order,
  )
  const [cancel] = useMutation<pageCancelMutation>(graphql`
    mutation pageCancelMutation($input: CancelOrderInput!) @raw_response_type {
      cancelOrder(input: $input) {
        __typename
        ... on OrderCancelled {
          order {
            id
            ...pageOrder
          }
        }
        ... on CancellationPending {
          order {
            id
            ...pageOrder
          }
        }
        ... on CannotCancel {
          code
          message
          path
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
  `)

  function cancelOrder() {
    cancel({
      variables: { input: { idempotencyKey: `cancel-${shown.id}`, orderId: shown.id } },
      optimisticResponse: {
        cancelOrder: {
          __typename: 'OrderCancelled',
          order: { ...shown, status: 'CANCELLED', allowedActions: [] },
        },
      },
      onCompleted({ cancelOrder: outcome }) {
        if (outcome && outcome.__typename !== '%other') onOutcome(sentenceOf(outcome))
      },
    })
  }

  return <OrderDetails order={shown} onCancel={cancelOrder} />
}
