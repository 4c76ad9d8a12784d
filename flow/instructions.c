// SPDX-License-Identifier: BSD-3-Clause
// A plugin of QEMU's user-mode emulator (its version 7's interface): counts the instructions that a program executes, and
// prints the count to standard error whenever the program calls the system's getpgid, by which it marks what it measures.
// It is exact for one thread at a time. -DMARK=N names the call: 132 on 32-bit ARM.

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

struct block;
struct machine;
typedef void (*on_translation)(uint64_t id, struct block *block);
typedef void (*on_call)(uint64_t id, unsigned cpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
			uint64_t, uint64_t, uint64_t);

size_t qemu_plugin_tb_n_insns(const struct block *block);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_translation callback);
void qemu_plugin_register_vcpu_tb_exec_inline(struct block *block, int operation, void *counter, uint64_t amount);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, on_call callback);

enum { ADD = 0 };
int qemu_plugin_version = 1;
static uint64_t instructions;

static void translated(uint64_t id, struct block *block)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &instructions, qemu_plugin_tb_n_insns(block));
}

static void called(uint64_t id, unsigned cpu, int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		   uint64_t f, uint64_t g, uint64_t h)
{
	(void)id, (void)cpu, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
	if (number == MARK)
		fprintf(stderr, "instructions %" PRIu64 "\n", instructions);
}

int qemu_plugin_install(uint64_t id, const struct machine *machine, int count, char **arguments)
{
	(void)machine, (void)count, (void)arguments;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_vcpu_syscall_cb(id, called);
	return 0;
}
