"""The part of the command gp-source that has to do with MESH."""

import argparse
import json

from crossing.errors import PersonMustAct


def add_mesh(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    send = commands.add_parser("send", help="send parcels to central over MESH, and see whether they got there")
    send.add_argument("--collection", required=True)
    send.add_argument("--again", metavar="PARCEL", help="send this parcel as a new message, once its way is mended")
    send.set_defaults(run=_send)
    mailboxes = commands.add_parser("mailboxes", help="each supplier's mailbox on MESH; exit 4 where one needs you")
    mailboxes.add_argument("--drop", metavar="MESSAGE", help="acknowledge this message without ever taking it")
    mailboxes.set_defaults(run=_mailboxes)


def _send(arguments: argparse.Namespace) -> int:
    from source_zone import send, settings

    loaded = settings.load()
    if arguments.again and not send.sent_parcels(arguments.collection, loaded).again(arguments.again):
        raise PersonMustAct("--again: no parcel of that id was sent. See its folder's name in the outbox.")
    print(json.dumps(send.send_parcels(arguments.collection, loaded), sort_keys=True))
    return 0


def _mailboxes(arguments: argparse.Namespace) -> int:
    from source_zone import mailboxes, settings

    if arguments.drop:
        connection = mailboxes.drop(arguments.drop, settings.load())
        print(json.dumps({"dropped": arguments.drop, "connection": connection}, sort_keys=True))
        return 0
    found = mailboxes.look(settings.load())
    for mailbox in found:
        print(json.dumps(mailbox, sort_keys=True))
    mailboxes.check(found)
    return 0
