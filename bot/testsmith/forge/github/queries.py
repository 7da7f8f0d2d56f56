"""GraphQL documents for what REST cannot do, or not in one request."""

TALK = """\
query Talk(
  $owner: String!, $name: String!, $number: Int!,
  $withComments: Boolean!, $comments: String,
  $withReviews: Boolean!, $reviews: String,
  $withThreads: Boolean!, $threads: String
) {
  viewer { login }
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      comments(first: 100, after: $comments) @include(if: $withComments) {
        nodes {
          fullDatabaseId id body isMinimized author { __typename login } editor { __typename login }
        }
        pageInfo { hasNextPage endCursor }
      }
      reviews(first: 100, after: $reviews) @include(if: $withReviews) {
        nodes { fullDatabaseId body state author { __typename login } }
        pageInfo { hasNextPage endCursor }
      }
      reviewThreads(first: 100, after: $threads) @include(if: $withThreads) {
        edges {
          cursor
          node {
            id path line isResolved viewerCanResolve viewerCanUnresolve
            comments(first: 50) {
              nodes {
                fullDatabaseId id body isMinimized minimizedReason state
                author { __typename login } editor { __typename login }
              }
              pageInfo { hasNextPage endCursor }
            }
          }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
"""The full conversation of a pull request, and the viewer. Usually one request is enough."""

THREAD = """\
query ThreadComments(
  $owner: String!, $name: String!, $number: Int!, $thread: String, $comments: String
) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: 1, after: $thread) {
        nodes {
          id
          comments(first: 100, after: $comments) {
            nodes {
              fullDatabaseId id body isMinimized minimizedReason state
              author { __typename login } editor { __typename login }
            }
            pageInfo { hasNextPage endCursor }
          }
        }
      }
    }
  }
}
"""
"""More comments of the thread that follows a cursor in the thread list."""

VIEWER = """\
query Viewer { viewer { login } }
"""
"""The account that the token belongs to."""

MINIMISE = """\
mutation Minimise($input: MinimizeCommentInput!) {
  minimizeComment(input: $input) { minimizedComment { isMinimized } }
}
"""

RESTORE = """\
mutation Restore($input: UnminimizeCommentInput!) {
  unminimizeComment(input: $input) { unminimizedComment { isMinimized } }
}
"""

RESOLVE = """\
mutation Resolve($input: ResolveReviewThreadInput!) {
  resolveReviewThread(input: $input) { thread { isResolved } }
}
"""

UNRESOLVE = """\
mutation Unresolve($input: UnresolveReviewThreadInput!) {
  unresolveReviewThread(input: $input) { thread { isResolved } }
}
"""

COMMIT = """\
mutation Commit($input: CreateCommitOnBranchInput!) {
  createCommitOnBranch(input: $input) { commit { oid } }
}
"""
"""A commit, signed by GitHub, on a branch with an expected tip."""

DOCUMENTS = (TALK, THREAD, VIEWER, MINIMISE, RESTORE, RESOLVE, UNRESOLVE, COMMIT)
"""All documents."""
