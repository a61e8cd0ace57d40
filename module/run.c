// SPDX-License-Identifier: GPL-2.0
/*
 * Start, stop and discard a run. Set-up and populating happen in the caller's
 * context, so that insmod fails if they do. Then the controller takes the run
 * through its phases (controller.c).
 *
 * Locking: fsc_lock is held to create, discard or print a run; the controller
 * does not take it. fsc_lock is the outermost lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include <folioscale/clock.h>
#include <folioscale/gp_probe.h>
#include <folioscale/kthread.h>
#include <folioscale/protocol.h>
#include <folioscale/run.h>

#include <trace/events/folioscale.h>

const char *const fsc_phase_names[FSC_NR_PHASES] = {
	[FSC_IDLE]	= "idle",
	[FSC_POPULATE]	= "populate",
	[FSC_START]	= "start",
	[FSC_WARMUP]	= "warmup",
	[FSC_MEASURE]	= "measure",
	[FSC_STOP]	= "stop",
	[FSC_DRAIN]	= "drain",
	[FSC_CHECK]	= "check",
	[FSC_DONE]	= "done",
};

static_assert(ARRAY_SIZE(fsc_phase_names) == FSC_NR_PHASES);

/* Protects fsc_run and the parameters; the outermost lock. */
DEFINE_MUTEX(fsc_lock);

/* Protected by fsc_lock; callbacks and the controller use it while it cannot change. */
struct fsc_run *fsc_run;

/* The phase for readers without fsc_lock; outlives the run. */
static enum fsc_phase fsc_state = FSC_IDLE;

/* Waiters for the end of a run; not in the run, which may be discarded. */
static DECLARE_WAIT_QUEUE_HEAD(fsc_ended);
/* Number of ended runs: tells waiters that theirs has ended, even if the next one has started. */
static atomic_t fsc_nr_ended;

/**
 * fsc_run_set_phase - the run enters a phase
 * @run: the run
 * @phase: which
 *
 * Context: The controller, or under fsc_lock before there is one.
 */
void fsc_run_set_phase(struct fsc_run *run, enum fsc_phase phase)
{
	trace_fsc_phase(run->phase, phase);
	/* Pairs with the acquire in fsc_phase_read(). */
	smp_store_release(&run->phase, phase);
	WRITE_ONCE(fsc_state, phase);
	wake_up_all(&run->wq);
}

/**
 * fsc_run_end - the run is done: wake those who wait for that
 * @run: a released run
 *
 * Context: The controller. Whoever was woken may free the run.
 */
void fsc_run_end(struct fsc_run *run)
{
	fsc_run_set_phase(run, FSC_DONE);
	/* Order the phase before the count; pairs with the acquire in fsc_run_stop(). */
	smp_mb__before_atomic();
	atomic_inc(&fsc_nr_ended);
	wake_up_all(&fsc_ended);
	complete_all(&run->ended);
}

/**
 * fsc_run_state - phase of the run, without fsc_lock
 *
 * Context: Any.
 * Return: The phase, FSC_IDLE if there was no run yet.
 */
enum fsc_phase fsc_run_state(void)
{
	return READ_ONCE(fsc_state);
}

/**
 * fsc_run_active - is a run under way?
 *
 * Context: Any. Under fsc_lock false stays valid, but true may become false at any time.
 * Return: true from its start until its last figure.
 */
bool fsc_run_active(void)
{
	switch (fsc_run_state()) {
	case FSC_IDLE:
	case FSC_DONE:
		return false;
	default:
		return true;
	}
}

static int start_kthreads(struct fsc_run *run)
{
	int err;

	fsc_run_set_phase(run, FSC_START);
	err = fsc_threads_start(run);
	if (err)
		return err;
	err = fsc_sampler_start(run);
	if (err)
		return err;
	err = fsc_gp_probe_start(run);
	if (err)
		return err;
	err = fsc_idler_start(run);
	if (err)
		return err;
	err = fsc_kthread_create(&run->controller, fsc_controller, run, NUMA_NO_NODE,
				 "fsc_controller");
	if (!err)
		wake_up_process(run->controller);
	return err;
}

/*
 * Wait for the controller, which ends by itself. kthread_stop() alone is not
 * enough: a controller that has not run yet would then never run.
 */
static void reap(struct fsc_run *run)
{
	if (run->controller)
		wait_for_completion(&run->ended);
	fsc_kthread_stop(&run->controller);
}

/**
 * fsc_run_start - create a run from the parameters and start it
 *
 * Context: Process context, fsc_lock held; sleeps while the folios are allocated.
 * Return: 0 if the run was started; -EBUSY if one is active; -EINVAL, -ENOMEM, -EINTR, or
 * -EAGAIN if there is no kthread. On error everything is undone and the previous run's figures
 * are kept.
 */
int fsc_run_start(void)
{
	struct fsc_run *previous = fsc_run, *run;
	int err;

	lockdep_assert_held(&fsc_lock);	/* for fsc_run */
	if (fsc_run_active()) {
		pr_err("start: a run is under way\n");
		return -EBUSY;
	}
	if (previous)
		reap(previous);
	run = kvzalloc_obj(*run, GFP_KERNEL);
	if (!run)
		return -ENOMEM;
	err = fsc_run_set_up(run);
	if (err)
		goto release;
	fsc_run = run;
	fsc_run_set_phase(run, FSC_POPULATE);
	err = fsc_run_populate(run);
	if (err)
		goto drain;
	err = start_kthreads(run);
	if (err)
		goto stop;
	if (previous)
		fsc_run_free(previous);
	return 0;

stop:
	fsc_run_set_phase(run, FSC_STOP);
	fsc_threads_stop(run);
	fsc_sampler_stop(run);
	fsc_gp_probe_stop(run);
	fsc_idler_stop(run);
drain:
	fsc_run_depopulate(run);
	fsc_limbo_flush(run, NULL);
	fsc_run = previous;
	WRITE_ONCE(fsc_state, previous ? FSC_DONE : FSC_IDLE);
release:
	fsc_run_release(run);
	/* Nobody reads the figures of a run that did not start. */
	WARN_ON_ONCE(run->path_leaked || !run->cache_empty);
	fsc_run_free(run);
	return err;
}

/**
 * fsc_run_stop - end the active run, if there is one
 *
 * Context: Process context, fsc_lock not held; sleeps until the run is drained.
 * Return: 0, or an error for a fatal signal; the run then ends by itself.
 */
int fsc_run_stop(void)
{
	int ended;

	if (mutex_lock_killable(&fsc_lock))
		return -EINTR;
	/*
	 * Read the count before the phase: if the run is counted, its phase is seen as
	 * done. Pairs with the barrier in fsc_run_end(), which does not take fsc_lock.
	 */
	ended = atomic_read_acquire(&fsc_nr_ended);
	if (!fsc_run_active()) {
		mutex_unlock(&fsc_lock);
		return 0;
	}
	WRITE_ONCE(fsc_run->stopping, true);
	wake_up_all(&fsc_run->wq);
	mutex_unlock(&fsc_lock);
	return wait_event_killable(fsc_ended, atomic_read(&fsc_nr_ended) != ended);
}

/**
 * fsc_run_discard - end the run, wait for it, and free its figures
 *
 * Context: Process context, fsc_lock not held; nobody can start another run.
 */
void fsc_run_discard(void)
{
	struct fsc_run *run;

	mutex_lock(&fsc_lock);
	run = fsc_run;
	if (run) {
		WRITE_ONCE(run->stopping, true);
		wake_up_all(&run->wq);
		reap(run);
		fsc_run_free(run);
		fsc_run = NULL;
	}
	mutex_unlock(&fsc_lock);
}
