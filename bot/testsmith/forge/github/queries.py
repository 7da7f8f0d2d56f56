"""GraphQL documents for what REST cannot do, or not in one request."""

_PAGE = "pageInfo { hasNextPage endCursor }"
_AUTHOR = "author { __typename login }"
_COMMENT = f"fullDatabaseId id body isMinimized {_AUTHOR} editor {{ __typename login }}"

TALK = f"""\
query Talk(
  $owner: String!, $name: String!, $number: Int!,
  $withComments: Boolean! = false, $comments: String,
  $withReviews: Boolean! = false, $reviews: String,
  $withThreads: Boolean! = false, $threads: String, $threadCount: Int! = 100, $replies: String
) {{
  viewer {{ login }}
  repository(owner: $owner, name: $name) {{
    pullRequest(number: $number) {{
      comments(first: 100, after: $comments) @include(if: $withComments) {{ nodes {{ {_COMMENT} }} {_PAGE} }}
      reviews(first: 100, after: $reviews) @include(if: $withReviews) {{
        nodes {{ fullDatabaseId body state {_AUTHOR} }} {_PAGE}
      }}
      reviewThreads(first: $threadCount, after: $threads) @include(if: $withThreads) {{
        nodes: edges {{
          cursor
          node {{
            id path line isResolved viewerCanResolve viewerCanUnresolve
            comments(first: 50, after: $replies) {{ nodes {{ {_COMMENT} minimizedReason state }} {_PAGE} }}
          }}
        }}
        {_PAGE}
      }}
    }}
  }}
}}
"""
"""Lists of the conversation of a pull request, and the viewer. Usually one request is enough.

`replies` is a cursor in a thread's comments; with it, a single thread is asked for.
"""

VIEWER = "query Viewer { viewer { login } }"
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

DOCUMENTS = (TALK, VIEWER, MINIMISE, RESTORE, RESOLVE, UNRESOLVE, COMMIT)
"""All documents."""
