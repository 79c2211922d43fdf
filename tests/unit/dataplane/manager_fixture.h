#pragma once
/*
 * A manager on tables in memory, with a driver that sends nothing, a clock that the test moves, and a control
 * process that is the test's end of the real socket.
 */
#include "dataplane/manager.h"
#include "dataplane/manager_msg.h"

#define FIXTURE_SESSIONS 4096
#define FIXTURE_PORT	 4700

struct fixture {
	char dir[64], path[96];
	struct chq_tables *t;
	struct chq_worker *worker;
	struct chq_driver driver;
	struct chq_manager m;
	int control;		 /* connected to the manager's socket; -1: not */
	struct chq_dp_load load; /* the last one that fixture_recv() passed over */
};

/* The manager's clock, ns. */
extern uint64_t fixture_now_ns;

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Connect as control; fixture_greet() also says hello and takes the answer. */
void fixture_connect(struct fixture *f);
void fixture_greet(struct fixture *f);

/* Send one message as control. */
void fixture_send(struct fixture *f, const void *msg);

/* The next message for control, those that tell of the load each second aside; 0 bytes if none waits or the connection is closed. */
size_t fixture_recv(struct fixture *f, union chq_msg *out);

/* Has the manager closed the connection? */
bool fixture_closed(struct fixture *f);

/* A session by control's commands; keys are filled with @seed. account 0: before login. */
struct chq_dp_ref fixture_open(struct fixture *f, uint64_t account, uint8_t device, uint8_t seed);

/* Hand up what a worker would: a hop-sealed frame of that session to the server. False: the queue is full. */
bool fixture_server_frame(struct fixture *f, struct chq_dp_ref ref, uint8_t seed, uint64_t seq,
			  const char *body);
/* … and a HELLO from 10.x.x.x, x = @from. */
bool fixture_hello(struct fixture *f, uint32_t from);

/* The next datagram that the manager gave to the worker. False: none. */
bool fixture_sent(struct fixture *f, struct chq_tx_item *out);
