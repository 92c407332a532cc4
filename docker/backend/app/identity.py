"""Who asks, as the gateway says in headers; nobody else can reach us."""

from typing import Optional
from urllib.parse import unquote

from fastapi import Header
from pydantic import BaseModel


class Identity(BaseModel):
    user_id: Optional[int]
    email: Optional[str]
    role: Optional[str]
    request_id: Optional[str]


def identity(x_user_id: Optional[int] = Header(None),
             x_user_email: Optional[str] = Header(None),
             x_user_role: Optional[str] = Header(None),
             x_request_id: Optional[str] = Header(None)):
    # a header is ASCII: what is more comes percent-encoded, once
    return Identity(user_id=x_user_id,
                    email=x_user_email and unquote(x_user_email),
                    role=x_user_role, request_id=x_request_id)
