# SPDX-License-Identifier: BSD-3-Clause
"""Roll-outs of models to boards, and the model that a board says it has."""

import sqlalchemy as sa
from alembic import op

revision = "rollouts"
down_revision = "jobs"


def upgrade() -> None:
    """Make their table, and the column."""
    op.add_column("boards", sa.Column("model", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "rollouts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("board_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("answered", sa.DateTime(), nullable=True),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("said", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["board_id"], ["boards.id"], name="fk_rollouts_board_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_rollouts_job_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_rollouts_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_rollouts"),
    )
    op.create_index("ix_rollouts_board_id", "rollouts", ["board_id"], unique=False)
