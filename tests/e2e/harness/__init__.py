# SPDX-License-Identifier: Apache-2.0
"""What the behaviours stand on: a raw-socket client, a server process, variants, comparison."""
