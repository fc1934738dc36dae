# SPDX-License-Identifier: Apache-2.0
#
# Writes FROM with WRONG instead of RIGHT to TO; fails unless RIGHT stands there exactly once.
file(READ "${FROM}" text)
string(REPLACE "${RIGHT}" "" without "${text}")
string(LENGTH "${text}" length_before)
string(LENGTH "${without}" length_after)
string(LENGTH "${RIGHT}" length)
math(EXPR removed "${length_before} - ${length_after}")
if(NOT removed EQUAL length)
    message(FATAL_ERROR "not once in ${FROM}: ${RIGHT}")
endif()
string(REPLACE "${RIGHT}" "${WRONG}" text "${text}")
file(WRITE "${TO}" "${text}")
