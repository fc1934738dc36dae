# SPDX-License-Identifier: Apache-2.0
#
# The code with one mistake in it, each of which sim_tests must find (run.bash). The target sim_mutants makes all.
add_custom_target(sim_mutants)

# sim_mutant(NAME SOURCE RIGHT WRONG): SOURCE with WRONG instead of RIGHT, which must stand there once. What includes a
# mutated file is compiled again; of the rest there are libraries.
function(sim_mutant name source right wrong)
    set(place runtime/fiber)
    if(source STREQUAL acceptor.cpp)
        set(place runtime/reactor)
    endif()
    set(original ${PROJECT_SOURCE_DIR}/${place}/${source})
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name})
    set(mutated ${folder}/${place}/${source})
    add_custom_command(OUTPUT ${mutated}
        COMMAND ${CMAKE_COMMAND} -D "FROM=${original}" -D "TO=${mutated}" -D "RIGHT=${right}" -D "WRONG=${wrong}"
                -P ${PROJECT_SOURCE_DIR}/tests/sim/mutate.cmake
        DEPENDS ${original} ${PROJECT_SOURCE_DIR}/tests/sim/mutate.cmake
        VERBATIM)
    set(others ${explored_libraries})
    set(compiled)
    cmake_path(GET source STEM stem)
    if(source STREQUAL run_queue.hpp)
        set(compiled ${explored})
        set(others)
    elseif(source STREQUAL machine.cpp)
        set(compiled ${PROJECT_SOURCE_DIR}/tests/sim/thread_locals.cpp)
        list(REMOVE_ITEM others sim_thread_locals)
    else()
        list(REMOVE_ITEM others sim_${stem})
    endif()
    if(compiled)
        set_source_files_properties(${mutated} PROPERTIES HEADER_FILE_ONLY ON)
    endif()
    add_executable(sim_mutant_${name} EXCLUDE_FROM_ALL ${mutated} ${compiled})
    sim_explored(sim_mutant_${name})
    target_include_directories(sim_mutant_${name} BEFORE PRIVATE ${folder})
    target_link_libraries(sim_mutant_${name} PRIVATE sim_beneath ${others})
    add_dependencies(sim_mutants sim_mutant_${name})
endfunction()

# Sleeping and waking
sim_mutant(sleeps_without_another_look scheduler.cpp
    "missed = work_elsewhere(mine) || stopping_"
    "missed = stopping_")
sim_mutant(publishes_without_waking scheduler.cpp
    "global_.push(&fiber)"
    "return global_.push(&fiber)")
sim_mutant(waker_does_not_look_again scheduler.cpp
    "while (!global_.empty())"
    "while (false)")
sim_mutant(who_was_woken_does_not_search scheduler.cpp
    "mine.searching = !mine.asleep.exchange("
    "mine.asleep.exchange(")

# Stealing
sim_mutant(thief_leaves_the_last_one_it_takes run_queue.hpp
    ".real = head.real + count}"
    ".real = head.real + count - 1}")
sim_mutant(owner_fills_what_a_thief_still_reads run_queue.hpp
    "head.steal == head.real ? next : head.steal"
    "next")
sim_mutant(thief_leaves_the_next_one_it_takes processor.cpp
    "word() == seen ? take_next() : nullptr"
    "word() == seen ? next_.load() : nullptr")

# Accepting
sim_mutant(failed_accept_is_tried_at_once acceptor.cpp
    "reactor_->start_timer(*this, kRetryAfter)"
    "void()")
sim_mutant(failed_accept_is_never_tried_again acceptor.cpp
    "static_cast<Acceptor&>(timer).resume()"
    "static_cast<Acceptor&>(timer).fire = retry")

# Hand-off and return
sim_mutant(monitor_takes_back_what_the_machine_said monitor.cpp
    "stuck->taken_from.store(false, "
    "stuck->gave_away.store(false, ")
sim_mutant(machine_returns_without_comparing processor.cpp
    "word_.compare_exchange_strong(expected, expected & ~kUser, "
    "spindle::sim::looks_and_then_stores(word_, expected, expected & ~kUser, ")
sim_mutant(fiber_is_published_upon_its_stack machine.cpp
    "publish_ = fiber;"
    "scheduler_.publish(*fiber);")

# Shutdown
sim_mutant(connections_are_counted_too_early monitor.cpp
    "scheduler_.all_accepting_ended() && scheduler_.connections() == 0"
    "scheduler_.connections() == 0 && scheduler_.all_accepting_ended()")
sim_mutant(machine_misses_the_end scheduler.cpp
    "if (machines_end_) machine"
    "if (false) machine")
sim_mutant(stop_wakes_nobody scheduler.cpp
    "stopping_.store(true, "
    "return stopping_.store(true, ")
