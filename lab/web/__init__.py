# -*- coding: utf-8 -*-
# Copyright: Contributors to the homeops.cluster collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a request from a browser to a service: ingress controllers, the outposts behind them, and the services.

What listens and who answers follows from the objects in the cluster: an ingress controller listens on the address that
its Service was given, and routes by the Ingresses of its class.
"""
