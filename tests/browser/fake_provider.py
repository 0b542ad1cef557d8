"""An OpenID provider for tests: signs anyone in whom its page is asked for, with keys made at its start."""

from __future__ import annotations

import base64
import hashlib
import secrets
import sys
import time
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
PEOPLE = {
    "anna": {"email": "anna@example.org", "email_verified": True},
    "ben": {"email": "ben@elsewhere.example", "email_verified": True},
    "olga": {"email": "Olga@example.org", "email_verified": True},
    "mia": {"email": "mia@example.org", "email_verified": True},
    "rita": {"email": "rita@example.org", "email_verified": True},
    "cleo": {"email": "cleo@example.org", "email_verified": False},
}


class Provider:
    """Codes handed out, and the client they are good for."""

    def __init__(self, issuer: str, client: str, secret: str) -> None:
        self.issuer, self.client, self.secret = issuer, client, secret
        self.codes: dict[str, dict[str, str]] = {}

    async def metadata(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "end_session_endpoint": f"{self.issuer}/logout",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def jwks(self, request: Request) -> Response:
        return JSONResponse({"keys": [KEY.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert query["client_id"] == self.client
        assert query["code_challenge_method"] == "S256"
        if "as" not in query:
            links = [
                f'<a id="{name}" href="?{urlencode({**query, "as": name})}">{name}</a>' for name in PEOPLE
            ]
            return HTMLResponse(f"<!doctype html><title>Provider</title>{' '.join(links)}")
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return RedirectResponse(
            f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        )

    async def token(self, request: Request) -> Response:
        form = await request.form()
        given = request.headers.get("authorization", "")
        basic = base64.b64encode(f"{self.client}:{self.secret}".encode()).decode()
        if given != f"Basic {basic}" and form.get("client_secret") != self.secret:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        asked = self.codes.pop(str(form["code"]))
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse(
            {
                "access_token": secrets.token_urlsafe(),
                "token_type": "Bearer",
                "expires_in": 300,
                "id_token": self._signed(asked),
            }
        )

    def _signed(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.client,
            "sub": asked["as"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **PEOPLE[asked["as"]],
        }
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)

    async def logout(self, request: Request) -> Response:
        return RedirectResponse(request.query_params["post_logout_redirect_uri"])


def application(provider: Provider) -> Starlette:
    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.metadata),
            Route("/jwks", provider.jwks),
            Route("/authorize", provider.authorize),
            Route("/token", provider.token, methods=["POST"]),
            Route("/logout", provider.logout),
        ]
    )


if __name__ == "__main__":
    port, client, secret = sys.argv[1:]
    made = Provider(f"http://127.0.0.1:{port}", client, secret)
    uvicorn.run(application(made), host="127.0.0.1", port=int(port), log_level="warning")
