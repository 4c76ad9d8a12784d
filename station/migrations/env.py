# SPDX-License-Identifier: BSD-3-Clause
"""What Alembic runs: the migrations, on the connection that the station (or a developer's command) gives it."""

from alembic import context

from shiftcore.station.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
