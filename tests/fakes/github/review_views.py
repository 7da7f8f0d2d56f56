"""How GitHub shows reviews and comments, as JSON."""

from __future__ import annotations

from fakes.github.clock import stamp
from fakes.github.errata import Json
from fakes.github.state import IssueComment, Pull, Repository, Review, ReviewComment
from fakes.github.views import Views


class ReviewViews(Views):
    """All views: those of comments beside the others."""

    def issue_comment(self, repository: Repository, pull: Pull, comment: IssueComment) -> Json:
        root = self.repository_url(repository)
        url = f"{root}/issues/comments/{comment.id}"
        hidden = {"reason": comment.minimized} if comment.minimized else None
        return self.make(
            "issue-comment",
            id=comment.id,
            node_id=f"IC_{comment.id}",
            url=url,
            html_url=f"{self.pull_page(repository, pull)}#issuecomment-{comment.id}",
            issue_url=f"{root}/issues/{pull.number}",
            user=self.user(comment.user),
            author_association=self.association(repository, comment.user),
            body=comment.body,
            created_at=stamp(comment.created),
            updated_at=stamp(comment.updated),
            reactions=self.rollup(url, comment.reactions),
            performed_via_github_app=None,
            minimized=hidden,
        )

    def review(self, repository: Repository, pull: Pull, review: Review) -> Json:
        page = f"{self.pull_page(repository, pull)}#pullrequestreview-{review.id}"
        url = self.pull_url(repository, pull)
        more: Json = {} if review.submitted is None else {"submitted_at": stamp(review.submitted)}
        return self.make(
            "pull-request-review",
            id=review.id,
            node_id=f"PRR_{review.id}",
            user=self.user(review.user),
            author_association=self.association(repository, review.user),
            body=review.body,
            state=review.state,
            commit_id=review.commit,
            html_url=page,
            pull_request_url=url,
            _links={"html": {"href": page}, "pull_request": {"href": url}},
            **more,
        )

    def review_comment(
        self,
        repository: Repository,
        pull: Pull,
        comment: ReviewComment,
        schema: str = "pull-request-review-comment",
    ) -> Json:
        url = f"{self.repository_url(repository)}/pulls/comments/{comment.id}"
        page = f"{self.pull_page(repository, pull)}#discussion_r{comment.id}"
        pull_url = self.pull_url(repository, pull)
        more: Json = {"in_reply_to_id": comment.reply_to} if comment.reply_to else {}
        return self.make(
            schema,
            **self._where(repository, pull, comment),
            id=comment.id,
            node_id=f"PRRC_{comment.id}",
            url=url,
            html_url=page,
            pull_request_url=pull_url,
            pull_request_review_id=comment.review,
            user=self.user(comment.user),
            author_association=self.association(repository, comment.user),
            body=comment.body,
            created_at=stamp(comment.created),
            updated_at=stamp(comment.updated),
            diff_hunk=comment.diff_hunk,
            reactions=self.rollup(url, comment.reactions),
            _links={"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull_url}},
            **more,
        )

    def _where(self, repository: Repository, pull: Pull, comment: ReviewComment) -> Json:
        anchor = self.world.anchor(repository, pull, comment)
        is_current = comment.is_on_file or anchor is not None
        return {
            "path": comment.path,
            "side": comment.side,
            "start_side": comment.start_side,
            "subject_type": "file" if comment.is_on_file else "line",
            "commit_id": pull.head if is_current else comment.original_commit,
            "original_commit_id": comment.original_commit,
            "line": anchor.line if anchor else None,
            "start_line": anchor.start_line if anchor else None,
            "position": 1 if comment.is_on_file else anchor.position if anchor else None,
            "original_line": comment.original_line,
            "original_start_line": comment.original_start_line,
            "original_position": comment.original_position,
        }
