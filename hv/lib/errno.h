/* Error numbers, Linux's values: functions return 0 or one of these, negated. */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#define EPERM	1	/* not yours */
#define ENOENT	2	/* no such thing */
#define ENXIO	6	/* it leads out of the guest's memory */
#define ENOEXEC	8	/* not in a format that can be loaded */
#define EAGAIN	11	/* not now */
#define ENOMEM	12	/* no memory left */
#define EFAULT	14	/* no guest memory there */
#define EBUSY	16	/* in use */
#define EEXIST	17	/* is there already */
#define ENODEV	19	/* the CPU lacks it */
#define EINVAL	22	/* an argument is out of range */
#define ENOSPC	28	/* every slot is taken */
#define ENOSYS	38	/* not implemented */

#endif
