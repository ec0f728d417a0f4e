/* A doubly linked ring; the head is a node of its own. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/types.h"

struct list_node {
	struct list_node *next, *prev;
};

static inline void list_init(struct list_node *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list_node *head)
{
	return head->next == head;
}

/** Put `n` at the end. */
static inline void list_add_tail(struct list_node *head, struct list_node *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

/** Take the first out; the list must not be empty. */
static inline struct list_node *list_take_first(struct list_node *head)
{
	struct list_node *n = head->next;

	head->next = n->next;
	n->next->prev = head;
	return n;
}

/** Take `n` out of the list that it is in. */
static inline void list_remove(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

#endif
