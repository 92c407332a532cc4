"""What clients send."""

import datetime
from typing import Literal, Optional

from pydantic import BaseModel, Extra, Field, constr

Name = constr(strip_whitespace=True, min_length=1, max_length=200)
Email = constr(strip_whitespace=True, max_length=254,
               regex=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
LeadStatus = Literal["new", "contacted", "qualified", "won", "lost"]
CampaignStatus = Literal["draft", "scheduled", "published", "finished"]


class Model(BaseModel):
    class Config:
        extra = Extra.forbid


class Campaign(Model):
    name: Name
    subject: Name
    body: constr(min_length=1, max_length=100_000)
    team_id: Optional[int]
    scheduled_at: Optional[datetime.datetime]


class CampaignChange(Model):
    name: Name = None
    subject: Name = None
    body: constr(min_length=1, max_length=100_000) = None
    team_id: Optional[int]
    scheduled_at: Optional[datetime.datetime]


class Lead(Model):
    email: Email
    first_name: Name
    last_name: Name
    company: Name
    job_title: constr(max_length=200) = ""
    country: constr(max_length=2) = ""
    source: constr(max_length=50) = "api"
    status: LeadStatus = "new"
    score: int = Field(0, ge=0, le=100)
    campaign_id: Optional[int]


class LeadChange(Model):
    email: Email = None
    first_name: Name = None
    last_name: Name = None
    company: Name = None
    job_title: constr(max_length=200) = None
    country: constr(max_length=2) = None
    source: constr(max_length=50) = None
    status: LeadStatus = None
    score: int = Field(None, ge=0, le=100)
    campaign_id: Optional[int]


class Team(Model):
    name: Name
    description: constr(max_length=2000) = ""


class TeamChange(Model):
    name: Name = None
    description: constr(max_length=2000) = None


class Member(Model):
    user_id: int = Field(ge=1)
