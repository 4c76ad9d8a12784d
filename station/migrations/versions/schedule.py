# SPDX-License-Identifier: BSD-3-Clause
"""Adapting by itself."""

import sqlalchemy as sa
from alembic import op

revision = "schedule"
down_revision = "rollouts"


def upgrade() -> None:
    """Make its table, and the column."""
    op.add_column("jobs", sa.Column("by_itself", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("reviews", sa.Integer(), nullable=False),
        sa.Column("use", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_schedule_user_id", ondelete="CASCADE"),
    )
