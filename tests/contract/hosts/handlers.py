"""The routes that every host serves, their policies, and the decorators that express them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from iiniit_guard.core.model.access_token import AuthorizationDetail
from iiniit_guard.core.model.demands import actor_forbidden, actor_required, detail_required
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy, make_policy

PARTNER: Final = "https://partner.test"


def may_send(detail: AuthorizationDetail) -> object:
    """Return whether a detail of the type `transfer` allows to send up to 100."""
    return ("send" in detail.actions and detail.get("limit") == 100) or detail.get("answer")


POLICIES: Final[Mapping[str, Policy]] = {
    "/token": ANY_TOKEN,
    "/read": make_policy(["user:read"]),
    "/both": make_policy(["user:read", "user:write"]),
    "/either": make_policy(["user:write", "user:read"], match="any"),
    "/strong": make_policy(acr_values=("gold", "silver")),
    "/recent": make_policy(["user:read"], max_age=300),
    "/delegated": make_policy(demands=(actor_required(),)),
    "/billing": make_policy(demands=(actor_required(("billing", "payroll")),)),
    "/partner": make_policy(demands=(actor_required(("billing",), issuer=PARTNER),)),
    "/agents": make_policy(demands=(actor_required(profile=("ai_agent", "service")),)),
    "/direct": make_policy(demands=(actor_forbidden(),)),
    "/people": make_policy(demands=(actor_forbidden(("ai_agent", "robot")),)),
    "/payments": make_policy(demands=(detail_required("payment_initiation"),)),
    "/transfers": make_policy(demands=(detail_required("transfer", may_send),)),
    "/protectedresource": ANY_TOKEN,
}
"""The routes of every host and what each wants; `/token` is guarded by the middleware alone,
`/public` by nothing.
"""


def decorated_views(adapter: Any, view: Any) -> dict[str, Any]:
    """Return a view for each path of `POLICIES`, decorated by a module with decorators."""
    return {
        "/token": view,
        "/read": adapter.require_scope("user:read")(view),
        "/both": adapter.require_scope("user:read", "user:write")(view),
        "/either": adapter.require_any_scope("user:write", "user:read")(view),
        "/strong": adapter.require_token(acr_values=("gold", "silver"))(view),
        "/recent": adapter.require_scope("user:read", max_age=300)(view),
        "/delegated": adapter.require_actor()(view),
        "/billing": adapter.require_actor("billing", "payroll")(view),
        "/partner": adapter.require_actor("billing", issuer=PARTNER)(view),
        "/agents": adapter.require_actor(profile=("ai_agent", "service"))(view),
        "/direct": adapter.forbid_actor()(view),
        "/people": adapter.forbid_actor("ai_agent", "robot")(view),
        "/payments": adapter.require_authorization_details("payment_initiation")(view),
        "/transfers": adapter.require_authorization_details("transfer", may_send)(view),
        "/protectedresource": view,
    }
