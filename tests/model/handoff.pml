// SPDX-License-Identifier: Apache-2.0
//
// The protocol by which processors change machines, and by which fibers and sleepers find each other:
// runtime/fiber/{processor,machine,monitor,scheduler}.cpp, step by step. Every atomic operation there is a
// step of its own here, whatever is under a mutex is one; memory is sequentially consistent (that the
// orders in the code suffice for it, TSan looks at). The run queues are channels: the ring itself has a
// seeded test of its own (tests/unit/fiber/run_queue_test.cpp).
//
// FIBERS fibers do ACTS acts each and end: wait for something of the ring; a handler, which may be slow
// (the monitor takes its processor) or waits for the fibers that never wait (without hand-offs they would
// not run); blocking(). Then everything is stopped. NO_WAITS, NO_HANDLERS and NO_BLOCKING leave one kind
// out: all at once on two processors are more states than seconds can see.
//
// Proved, by assertions: a processor never runs on two machines; a fiber runs once at a time, and only
// when its stack has been left. By the absence of invalid end states: no fiber is lost and no wake-up;
// every processor finishes, every machine ends.
//
// Mutants, each of which must fail: PUBLISH_BEFORE_LEAVING (a fiber is made runnable while its stack is
// still stood upon), ENTER_WITHOUT_CAS (the returning machine looks at the word and then stores it),
// FORGETFUL_WAKER (who said that somebody searches, and then found nobody to wake, does not look again:
// two machines without a processor that publish at once can leave a fiber where everybody sleeps).
//
// To extend it: a returning machine's choices are behind `requeues`, a processor's search in find(), the
// monitor's in monitor(). Keep a step for each atomic operation; put ghosts (the last three arrays) into
// the atomic step whose effect they mirror. tests/model/run.bash names the cases and what each must show.

#ifndef PROCESSORS
#define PROCESSORS 2
#endif
#ifndef FIBERS
#define FIBERS 2
#endif
#ifndef ACTS
#define ACTS 1
#endif
#ifndef STUCK
#define STUCK 1             /* fibers 0 … STUCK-1 may be stuck until all others have ended */
#endif
#define MACHINES (PROCESSORS + FIBERS)  /* threads_max: enough, so that no hand-off is refused for good */

#define NOBODY 100
#define MONITOR 101
#define END 102             /* instead of a processor: the machine ends */

#define USER 1
#define EPOCH 2

// ---- processors
byte word[PROCESSORS];      // {epoch, user}
bool asleep[PROCESSORS];
bool searching[PROCESSORS];
bool ringed[PROCESSORS];    // a wake-up is in its ring
chan own_queue[PROCESSORS] = [FIBERS] of { byte };
chan events[PROCESSORS] = [FIBERS] of { byte };  // fibers that wait for its ring

// ---- scheduler
// Sorted (!!), though they are first in first out: the order decides nothing that is proved here.
chan global = [FIBERS] of { byte };
byte sleeping;
bool one_searches;
bool stopping;
chan idle_machines = [MACHINES] of { byte };
byte machines_made = PROCESSORS;
byte processors_finished;
bool machines_end;
chan assigned[MACHINES] = [1] of { byte };

// ---- fibers
byte acts_left[FIBERS];
byte ended;
byte ended_of_others;       // of those that are never stuck

// ---- what is asserted about
byte holder[PROCESSORS];    // the machine that may act for it
byte runs_on[FIBERS];       // the machine that runs it
byte stands_on[FIBERS];     // the machine that is on its stack

inline assign(to, what) {
    atomic {
        if
        :: what < PROCESSORS -> holder[what] = to
        :: else
        fi;
        assigned[to] ! what
    }
}

// ---- machines_mutex

inline reserve(result) {
    atomic {
        if
        :: len(idle_machines) > 0 -> idle_machines ? result
        :: len(idle_machines) == 0 && machines_made < MACHINES ->
            result = machines_made;
            machines_made++;
            run machine(result)
        :: len(idle_machines) == 0 && machines_made == MACHINES -> result = NOBODY
        fi
    }
}

inline become_idle(which) {
    atomic {
        if
        :: machines_end -> assigned[which] ! END
        :: else -> idle_machines !! which
        fi
    }
}

inline finish_processor() {
    atomic {
        processors_finished++;
        if
        :: processors_finished == PROCESSORS ->
            machines_end = true;
            do
            :: len(idle_machines) > 0 -> idle_machines ? other; assigned[other] ! END
            :: len(idle_machines) == 0 -> break
            od
        :: else
        fi
    }
}

// ---- finding work; `yes`, `i` and `other` are the machine's locals

#if PROCESSORS == 1
#define ELSEWHERE (len(global) > 0)
#else
#define ELSEWHERE (len(global) > 0 || len(own_queue[1 - p]) > 0)
#endif

// Own queue, global queue, another's queue. Takes one where the code steals half: the rest stays where it
// was, for the same or another thief.
inline find(result) {
    atomic {
        assert(holder[p] == m);
        if
        :: len(own_queue[p]) > 0 -> own_queue[p] ? result
        :: len(own_queue[p]) == 0 && len(global) > 0 -> global ? result
#if PROCESSORS > 1
        :: len(own_queue[p]) == 0 && len(global) == 0 && len(own_queue[1 - p]) > 0 -> own_queue[1 - p] ? result
        :: len(own_queue[p]) == 0 && len(global) == 0 && len(own_queue[1 - p]) == 0 -> result = NOBODY
#else
        :: len(own_queue[p]) == 0 && len(global) == 0 -> result = NOBODY
#endif
        fi
    }
}

// `yes`: somebody was woken, or searches already; then there is nothing more to do.
inline wake_one() {
    do
    :: atomic { sleeping == 0 -> break }
    :: atomic { sleeping != 0 -> i = 0; yes = false }
        atomic {
            yes = one_searches;
            one_searches = true;
            if
            :: yes -> yes = false; break
            :: else
            fi
        }
        do
        :: atomic { i < PROCESSORS && asleep[i] -> asleep[i] = false; yes = true; break }
        :: atomic { i < PROCESSORS && !asleep[i] -> i++ }
        :: atomic { i == PROCESSORS -> i = 0; break }
        od;
        if
        :: atomic { yes -> ringed[i] = true; i = 0; yes = false; break }
        :: atomic { else -> one_searches = false }
        fi;
#ifdef FORGETFUL_WAKER
        break
#else
        // Who has relied upon the search that was announced: what he made runnable is looked for once more.
        if
        :: atomic { len(global) == 0 -> break }
        :: len(global) > 0
        fi
#endif
    od
}

// Any number of what waits for the ring has completed.
inline poll() {
    atomic {
        ringed[p] = false;
        do
        :: len(events[p]) > 0 -> events[p] ? other; own_queue[p] !! other; other = 0
        :: break
        od
    }
}

inline sleep_in_ring() {
    atomic {
        if
        :: searching[p] -> searching[p] = false; one_searches = false
        :: else
        fi
    }
    asleep[p] = true;
    sleeping++;
    if
    :: ELSEWHERE || stopping
    :: !ELSEWHERE && !stopping -> (ringed[p] || len(events[p]) > 0)
    fi;
    poll();
    sleeping--;
    atomic { searching[p] = !asleep[p]; asleep[p] = false }
    if
    :: len(own_queue[p]) > 1 -> wake_one()
    :: len(own_queue[p]) <= 1
    fi
}

// ---- machines

proctype machine(byte m) {
    byte p, f, other, i, mine;
    bool yes;

waits:
    atomic {
        assigned[m] ? p;
        if
        :: p == END -> goto ends
        :: else
        fi
    }

next:
    find(f);
    if
    :: f != NOBODY -> goto found
    :: f == NOBODY && stopping -> goto finishes
    :: f == NOBODY && !stopping -> sleep_in_ring(); goto next
    fi;

found:
    if
    :: atomic { searching[p] -> searching[p] = false; one_searches = false }
        if
        :: ELSEWHERE || len(own_queue[p]) > 0 -> wake_one()
        :: !ELSEWHERE && len(own_queue[p]) == 0
        fi
    :: !searching[p]
    fi;
    atomic {
        assert(holder[p] == m && runs_on[f] == NOBODY && stands_on[f] == NOBODY);
        runs_on[f] = m;
        stands_on[f] = m
    }

runs:
    atomic {
        assert(runs_on[f] == m && holder[p] == m);
        if
        :: acts_left[f] == 0 -> goto fiber_ends
        :: else -> acts_left[f]--
        fi
    }
    if
#ifndef NO_WAITS
    :: goto parks
#endif
#ifndef NO_HANDLERS
    :: goto handles
#endif
#ifndef NO_BLOCKING
    :: goto blocks
#endif
    fi;

parks:
    atomic {
        runs_on[f] = NOBODY;
        stands_on[f] = NOBODY;
        events[p] !! f;
        f = 0
    }
    goto next;

handles:
    atomic { mine = (word[p] | USER) + EPOCH; word[p] = mine }  // nobody else writes it now
    if
    :: true                  // comes back by itself
    :: f < STUCK -> ended_of_others == FIBERS - STUCK
    fi;
#ifdef ENTER_WITHOUT_CAS
    yes = (word[p] == mine);
    if
    :: yes -> word[p] = mine - USER
    :: else
    fi;
#else
    atomic {
        yes = (word[p] == mine);
        if
        :: yes -> word[p] = mine - USER
        :: else
        fi
    }
#endif
    atomic {
        mine = 0;
        if
        :: yes -> yes = false; goto runs
        :: else -> goto requeues
        fi
    }

blocks:
    reserve(other);
    atomic {
        if
        :: other == NOBODY -> other = 0; goto runs  // at threads_max: blocks here
        :: else
        fi;
        assign(other, p);
        other = 0
    }
    if
    :: true
    :: f < STUCK -> ended_of_others == FIBERS - STUCK
    fi;

// The processor is somebody else's.
requeues:
    p = 0;
#ifdef PUBLISH_BEFORE_LEAVING
    global !! f;
    atomic { runs_on[f] = NOBODY; stands_on[f] = NOBODY; f = 0 }
#else
    atomic { runs_on[f] = NOBODY; stands_on[f] = NOBODY }
    atomic { global !! f; f = 0 }
#endif
    wake_one();
    become_idle(m);
    goto waits;

fiber_ends:
    atomic {
        runs_on[f] = NOBODY;
        stands_on[f] = NOBODY;
        ended++;
        if
        :: f >= STUCK -> ended_of_others++
        :: else
        fi;
        f = 0
    }
    goto next;

finishes:
    atomic { f = 0; holder[p] = NOBODY; p = 0; finish_processor() }
    become_idle(m);
    goto waits;

ends:
    skip
}

// Looks at any processor at any time: what it waits for in the code is only when it looks.
proctype monitor() {
    byte p, seen, fresh, i;

    do
    :: true ->
        if
        :: atomic { word[0] & USER -> p = 0; seen = word[0] }
#if PROCESSORS > 1
        :: atomic { word[1] & USER -> p = 1; seen = word[1] }
#endif
        :: ended == FIBERS -> break
        fi;
        atomic {
            len(idle_machines) > 0 || machines_made < MACHINES;  // else refused, and tried again
            reserve(fresh)
        }
        atomic {
            if
            :: word[p] == seen ->
                word[p] = seen - USER + EPOCH;
                holder[p] = MONITOR
            :: else -> seen = 0
            fi
        }
        if
        :: seen != 0 -> assign(fresh, p)
        :: else -> become_idle(fresh)
        fi;
        seen = 0;
        fresh = 0;
        p = 0
    od;
    stopping = true;
    i = 0;
    do
    :: i < PROCESSORS -> ringed[i] = true; i++
    :: else -> break
    od
}

init {
    byte i;
    atomic {
        i = 0;
        do
        :: i < FIBERS ->
            acts_left[i] = ACTS;
            runs_on[i] = NOBODY;
            stands_on[i] = NOBODY;
            own_queue[0] !! i;
            i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < PROCESSORS ->
            run machine(i);
            assign(i, i);
            i++
        :: else -> break
        od;
        run monitor()
    }
}
