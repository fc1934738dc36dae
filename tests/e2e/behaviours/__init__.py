# SPDX-License-Identifier: Apache-2.0
"""What the server does, a module a topic; each function is a behaviour, run under each variant."""
